import path from 'node:path';
import { withUntiedHead } from './check-adapter.ts';
import { checkMerge, unknownExpert, unknownNames } from './check-merge.ts';
import { checkMergekit } from './check-mergekit.ts';
import { checkSchema } from './check-schema.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { KeyPath } from './merge-entries.ts';
import { type MergeSection, mergekitSchema, mergeSchema } from './merge-schema.ts';
import type { ArchitectureReading } from './model-architecture.ts';
import { isLora } from './plan.ts';
import type { Expert } from './read-experts.ts';
import { readReferenced } from './read-referenced.ts';
import type { RecipeSection } from './recipe-schema.ts';
import type { Finding, YamlFile } from './yaml-file.ts';

/** How the experts become one model. */
export interface Merge {
  /** A mergekit configuration as it is written; with `engine: mergekit` only mergekit knows all of its keys. */
  config: MergeSection | { merge_method: string };
  /** Folder of the configuration: relative model paths start there. */
  folder: string;
  /** Whether LoRA experts are merged into the base before, each into a model of its own, or while they are read. */
  adapters: 'first' | 'on-the-fly';
  engine: 'native' | 'mergekit';
  /** Of random masks. */
  seed: number;
  /** What config and tokenizer come from, written as in the configuration. */
  donor?: string | undefined;
}

/**
 * Reads the section `merge` of a recipe and the configuration that it names.
 *
 * @param expertNames undefined where they are not known: then nothing is said of the names in the configuration
 */
export function readMerge(
  section: RecipeSection['merge'],
  experts: readonly (Expert | undefined)[],
  expertNames: readonly string[] | undefined,
  architecture: ArchitectureReading | undefined,
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): Merge | undefined {
  const isPath = typeof section === 'string';
  const { config: name, ...options } = isPath ? { ...DEFAULTS, config: section } : section;
  const names = expertNames && [...expertNames, 'base'];
  const at = isPath ? ['merge'] : ['merge', 'config'];
  if (options.engine === 'mergekit' && options.adapters === 'on-the-fly') {
    diagnostics.push(
      yaml.diagnose(
        { path: ['merge', 'adapters'] },
        {
          code: 'bad-value',
          message: 'mergekit itself can only merge models: adapters must be merged first',
          hint: 'Write adapters: first, or engine: native.',
        },
      ),
    );
  }
  if (
    options.engine === 'native' &&
    options.adapters === 'on-the-fly' &&
    experts.length > 0 &&
    experts.every((expert) => expert && !isLora(expert))
  ) {
    const message = 'adapters: on-the-fly has no effect: no expert is trained with LoRA';
    diagnostics.push(yaml.diagnose({ path: ['merge', 'adapters'] }, { code: 'without-effect', message }));
  }
  for (const unknown of names ? unknownNames(options.donor ?? '', names) : []) {
    diagnostics.push(yaml.diagnose({ path: ['merge', 'donor'] }, unknownExpert(unknown, names ?? [])));
  }
  const before = errorsIn(diagnostics);
  const mergeYaml = readReferenced(yaml, at, name, diagnostics);
  if (!mergeYaml) return undefined;
  diagnostics.push(...mergeYaml.otherReadings());
  const config = checkSchema(
    options.engine === 'mergekit' ? mergekitSchema : mergeSchema,
    mergeYaml,
    diagnostics,
  );
  const reading = withUntiedHead(
    architecture,
    experts.flatMap((expert) => (expert ? [expert.training.arguments] : [])),
  );
  if (config && options.engine === 'native') {
    checkMerge(config as MergeSection, mergeYaml, diagnostics, { names, architecture: reading });
    checkMergeDtype(config as MergeSection, experts, mergeYaml, diagnostics);
  } else if (config) {
    const report = (at: KeyPath, finding: Finding, key = false) =>
      diagnostics.push(mergeYaml.diagnose({ path: at, key }, finding));
    checkMergekit(config, reading, report, names && { names, folder: path.dirname(mergeYaml.file) });
  }
  if (config && errorsIn(diagnostics) === before && expertNames)
    checkUnused(config, expertNames, yaml, diagnostics);
  return config && { config, folder: path.dirname(path.resolve(path.dirname(yaml.file), name)), ...options };
}

function errorsIn(diagnostics: readonly Diagnostic[]): number {
  return diagnostics.filter(({ severity }) => severity === 'error').length;
}

/** An expert that is trained for nothing. */
function checkUnused(
  config: Merge['config'],
  expertNames: readonly string[],
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): void {
  const text = JSON.stringify(config);
  for (const name of expertNames.filter((candidate) => !text.includes(`\${${candidate}}`))) {
    const message = `the merge does not name ${name}: it is trained and not used`;
    diagnostics.push(yaml.diagnose({ path: ['experts', name], key: true }, { code: 'unused-name', message }));
  }
}

/** A result in float16, whose largest number is 65,504, of weights that have bfloat16's range. */
function checkMergeDtype(
  { dtype, out_dtype: outDtype }: MergeSection,
  experts: readonly (Expert | undefined)[],
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): void {
  const key = outDtype === undefined ? 'dtype' : 'out_dtype';
  const result = outDtype ?? dtype;
  const wider = experts.find((expert) => expert && expert.training.arguments.dtype === 'bfloat16');
  if (result === 'float16' && wider) {
    const message = `${key}: float16, and ${wider.name} is trained in bfloat16, which has larger and smaller numbers`;
    diagnostics.push(
      yaml.diagnose({ path: [key] }, { code: 'dtype-mismatch', message, hint: 'Write bfloat16.' }),
    );
  }
  const dtypes = new Set(experts.map((expert) => expert?.training.arguments.dtype));
  if (dtypes.size > 1 && !dtypes.has(undefined) && result === undefined) {
    const message = `the experts are trained in ${[...dtypes].join(' and ')}, and the merge names no dtype`;
    diagnostics.push(
      yaml.diagnose({ path: [] }, { code: 'dtype-mismatch', message, hint: 'Add dtype: bfloat16.' }),
    );
  }
}

const DEFAULTS = { adapters: 'first', engine: 'native', seed: 0, donor: undefined } as const;
