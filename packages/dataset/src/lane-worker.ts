import { Worker } from 'node:worker_threads';
import { confinement } from '@prometheus-actions/stage/confinement';
import type { FrameSettings, MadeBatch, PartTask } from './frame-lane.ts';
import type { LaneAnswer, LaneSetup } from './lane-thread.ts';
import type { RowFiles } from './row-files.ts';
import type { RowIndex } from './row-index.ts';
import { errorOf } from './thread-fault.ts';

/** What a batch leaves to collect is little, and mostly outside of the heap. */
const HEAP = { maxYoungGenerationSizeMb: 2 };

/** A lane in a thread of its own. */
export class LaneWorker {
  readonly #worker: Worker;

  constructor(settings: FrameSettings, index: RowIndex, files: RowFiles) {
    const workerData: LaneSetup = {
      confinement: confinement(),
      settings,
      index: index.share(),
      spool: files.spool,
    };
    this.#worker = new Worker(threadFile(), {
      workerData,
      resourceLimits: HEAP,
    });
    // It is heard of where a task runs.
    this.#worker.on('error', () => {});
  }

  /** As `FrameLane.run`, with the same errors. */
  run(task: PartTask, onBatch: (batch: MadeBatch) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        this.#worker.off('message', onAnswer).off('error', onError).off('exit', onExit);
        end();
      };
      const onError = (error: unknown) => settle(() => reject(error));
      const onAnswer = (answer: LaneAnswer) => {
        try {
          if (answer.batch) onBatch(answer.batch);
          else if (answer.fault) onError(errorOf(answer.fault));
          else settle(resolve);
        } catch (error) {
          onError(error);
        }
      };
      const onExit = () => onError(new Error('the thread ended before its task'));
      this.#worker.on('message', onAnswer).on('error', onError).on('exit', onExit);
      this.#worker.postMessage(task);
    });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The source beside this one; where this is bundled, a bundle of its own beside that. */
function threadFile(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? './lane-thread.ts' : './lane-thread/index.js', import.meta.url);
}
