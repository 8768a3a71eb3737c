// A thread that runs a lane: started by LaneWorker. It imports what a lane needs and no more, for it has a heap of its own.
import { open } from 'node:fs/promises';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type Confinement, confined } from '@prometheus-actions/stage/confinement';
import { FrameLane, type FrameSettings, type MadeBatch, type PartTask } from './frame-lane.ts';
import { RowFiles } from './row-files.ts';
import { RowIndex, type SharedRowIndex } from './row-index.ts';
import { faultOf, type ThreadFault } from './thread-fault.ts';

export interface LaneSetup {
  /** Which files may be read. */
  confinement: Confinement | undefined;
  settings: FrameSettings;
  index: SharedRowIndex;
  /** Descriptor of the spool, where there is one. */
  spool: number | undefined;
}

/** A batch that was made; or the end of the task, with what went wrong. */
export type LaneAnswer = { batch: MadeBatch } | { batch?: undefined; fault?: ThreadFault };

const port = parentPort as MessagePort;
const setup = workerData as LaneSetup;
const index = new RowIndex(setup.index);
// The spool has no name any more.
const spool = setup.spool === undefined ? undefined : await open(`/dev/fd/${setup.spool}`);
const lane = new FrameLane(setup.settings, index, new RowFiles(index.sources, spool));

port.on('message', async (task: PartTask) => {
  const answer = (answer: LaneAnswer) => port.postMessage(answer);
  try {
    await confined(setup.confinement, () => lane.run(task, (batch) => answer({ batch })));
    answer({});
  } catch (error) {
    answer({ fault: faultOf(error) });
  }
});
