import type { ActionContext, Place, Reporter } from '@prometheus-actions/stage';

/** What an action that runs no stage told, set and failed with. */
export interface ActionOutcome {
  outputs: Record<string, unknown>;
  told: { kind: 'info' | 'notice' | 'warning' | 'error'; text: string; place?: Place | undefined }[];
  summary: string;
  failure: string | undefined;
}

/** Runs an action in this process, with the inputs that the environment has. */
export async function outcomeOf(action: (context: ActionContext) => Promise<void>): Promise<ActionOutcome> {
  const outputs: ActionOutcome['outputs'] = {};
  const told: ActionOutcome['told'] = [];
  const summaries: string[] = [];
  const last: string[] = [];
  const tell = (kind: ActionOutcome['told'][number]['kind']) => (text: string, place?: Place) => {
    told.push({ kind, text, place });
  };
  const reporter: Reporter = {
    info: tell('info'),
    notice: tell('notice'),
    warning: tell('warning'),
    error: tell('error'),
    startStage: () => {
      throw new Error('no stage runs');
    },
  };
  const failure = await action({
    reporter,
    signal: new AbortController().signal,
    setOutput: (name, value) => {
      outputs[name] = value;
    },
    addSummary: (markdown, at) => (at === 'end' ? last : summaries).push(markdown),
  }).then(
    () => undefined,
    (error: Error) => error.message,
  );
  return { outputs, told, summary: [...summaries, ...last].join('\n'), failure };
}
