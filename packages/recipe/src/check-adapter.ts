import supported from '../../trainer/src/prometheus_trainer/adapter_support.json' with { type: 'json' };
import { didYouMean } from './diagnostics.ts';
import type { ArchitectureReading } from './model-architecture.ts';
import { fullyMatching, type ModelModule, modelModules } from './model-modules.ts';
import type { Finding } from './yaml-file.ts';

type Given = Readonly<Record<string, unknown>>;
type Report = (path: PropertyKey[], finding: Finding) => void;
type Refused = {
  [Name in keyof typeof supported]: (typeof supported)[Name] extends { advice: string } ? Name : never;
}[keyof typeof supported];

const TARGETS = 'lora_target_modules';
const SAVED = 'lora_modules_to_save';
/** What models call their embeddings. */
const EMBEDDINGS = ['embed_tokens', 'wte', 'embed_in', 'word_embeddings'];

/** Checks the LoRA settings of a training file by the table that training and lora-merge go by. */
export function checkAdapterKeys(given: Given, report: Report): void {
  for (const [name, entry] of Object.entries(supported)) {
    if (!('training' in entry) || isEmpty(given[entry.training])) continue;
    report([entry.training], refusal(name as Refused, `${entry.training} is set`));
  }
  const { names, pattern } = targetsOf(given);
  const targets = (called: readonly string[]) =>
    pattern === undefined
      ? names.some((name) => called.includes(name.split('.').at(-1) ?? ''))
      : fullyMatching(
          pattern,
          called.flatMap((name) => [name, `model.${name}`]),
        )?.length;
  if (given.use_dora === true && targets(EMBEDDINGS)) {
    report(['use_dora'], refusal('dora-embeddings', `use_dora is set, and ${TARGETS} has the embeddings`));
  }
  if (given.loss_type === 'chunked_nll' && targets(['lm_head'])) {
    const message =
      'loss_type: chunked_nll leaves the LoRA of lm_head out: it multiplies by the weights alone';
    const hint = `Write loss_type: nll, or take lm_head out of ${TARGETS}.`;
    report(['loss_type'], { code: 'unsupported-loss', message, hint });
  }
}

/**
 * Checks the modules that LoRA settings name against those of the base model.
 *
 * As PEFT takes names: a target stands for every module that is called so, or whose name ends so after a dot, and one
 * that is saved for every module whose name ends so.
 */
export function checkAdapterModules(
  given: Given,
  { architecture, notice }: Extract<ArchitectureReading, { architecture: unknown }>,
  report: Report,
): void {
  const { modelType } = architecture;
  if (isEmpty(given[TARGETS])) {
    if (modelType !== 'mixtral') return;
    const message = `${TARGETS} is missing: which layers of a Mixtral are adapted is not chosen by itself`;
    const hint = 'The original adapts q_proj, k_proj, v_proj, o_proj, w1, w2, w3 and lm_head.';
    report(['use_peft'], { code: 'missing-key', message, hint });
    return;
  }
  const modules = modelModules(architecture);
  // Of a model type that is not known the names are assumed.
  const told: Report = (path, finding) =>
    report(path, notice === undefined ? finding : { ...finding, severity: 'warning' });
  const unknown = (path: PropertyKey[], name: string, known: readonly ModelModule[]) => {
    const names = [...new Set(known.map(({ called }) => called))].filter((called) => !/^\d*$/.test(called));
    const message = `${path[0] as string}: the base model (${modelType}) has no layer ${name}`;
    const hint = didYouMean(name, names) ?? `It has ${names.join(', ')}.`;
    told(path, { code: 'unknown-module', message, hint });
  };
  const { names, pattern } = targetsOf(given);
  const adaptable = modules.filter(({ kind }) => kind === 'linear' || kind === 'embeddings');
  const wanted: [string, ModelModule[] | undefined][] = names.map((name) => [
    name,
    modules.filter((module) => `.${module.name}`.endsWith(`.${name}`)),
  ]);
  if (pattern !== undefined) {
    const found = fullyMatching(
      pattern,
      modules.map(({ name }) => name),
    );
    wanted.push([pattern, found && modules.filter(({ name }) => found.includes(name))]);
  }
  for (const [index, [name, found]] of wanted.entries()) {
    const path = Array.isArray(given[TARGETS]) ? [TARGETS, index] : [TARGETS];
    const other = found?.find((module) => !adaptable.includes(module));
    if (found?.length === 0 && pattern !== undefined) {
      const hint = `A full name is such as ${adaptable.find(({ kind }) => kind === 'linear')?.name}.`;
      const message = `${TARGETS}: as a pattern, ${name} matches no layer of the base model (${modelType})`;
      told(path, { code: 'unknown-module', message, hint });
    } else if (found?.length === 0) unknown(path, name, adaptable);
    else if (other) {
      const feature = other.kind === 'router' ? 'router' : 'other-modules';
      told(path, refusal(feature, `${TARGETS}: ${name} names ${other.name || 'the model'}`));
    }
  }
  const listed = [given[SAVED] ?? []].flat().map(String);
  const withWeights = modules.filter(({ weights }) => weights);
  for (const [index, name] of listed.entries()) {
    const found = withWeights.filter((module) => module.name.endsWith(name));
    const list = found.find(({ kind }) => kind === 'list');
    if (found.length === 0) {
      unknown(
        [SAVED, index],
        name,
        withWeights.filter(({ kind, name: full }) => kind !== 'list' && full !== 'model'),
      );
    }
    if (list) told([SAVED, index], refusal('module-lists', `${SAVED}: ${name} names ${list.name}`));
  }
  const targets = wanted.flatMap(([, found]) => found ?? []);
  const isSaved = ({ name }: ModelModule) => listed.some((entry) => `.${name}.`.includes(`.${entry}.`));
  if (targets.length > 0 && targets.every(isSaved)) told([SAVED], refusal('nothing-left', SAVED));
}

/**
 * The architecture of the experts' models: an adapter that changes one of two tied weights gives the merged model an output
 * layer of its own.
 */
export function withUntiedHead(
  reading: ArchitectureReading | undefined,
  experts: readonly Given[],
): ArchitectureReading | undefined {
  if (!reading || !('architecture' in reading) || !reading.architecture.tiedEmbeddings) return reading;
  const tied = ['model.embed_tokens', 'lm_head'];
  const unties = (given: Given) => {
    const { names, pattern } = targetsOf(given);
    const saved = [given[SAVED] ?? []].flat().map(String);
    return (
      given.use_peft === true &&
      (tied.some((name) => names.some((target) => `.${name}`.endsWith(`.${target}`))) ||
        tied.some((name) => saved.some((entry) => name.endsWith(entry))) ||
        (pattern !== undefined && (fullyMatching(pattern, tied)?.length ?? 0) > 0))
    );
  };
  if (!experts.some(unties)) return reading;
  return { ...reading, architecture: { ...reading.architecture, tiedEmbeddings: false } };
}

/** The names of target modules, or the pattern; neither for "all-linear". */
function targetsOf(given: Given): { names: string[]; pattern: string | undefined } {
  const list = [given[TARGETS] ?? []].flat().map(String);
  const [only = ''] = list;
  if (list.length !== 1 || /^[\w.]+$/.test(only)) return { names: list, pattern: undefined };
  return { names: [], pattern: only.toLowerCase() === 'all-linear' ? undefined : only };
}

function refusal(feature: Refused, found: string): Finding {
  const { reason, advice } = supported[feature];
  return { code: 'unsupported-adapter', message: `${found}: ${reason}`, hint: `${advice}.` };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}
