import { digestOf, type Json } from '@prometheus-actions/stage';
import type { Recipe } from './load-recipe.ts';
import { makePlan, type PlannedStage } from './plan.ts';
import {
  adapterSettings,
  baseModelSettings,
  datasetSettings,
  mergeSettings,
  trainingSettings,
} from './stage-settings.ts';

/** What a change of a recipe means for one stage of its plan. */
export interface StageConsequence {
  /** As in the plan: `sft-train/absolute`. */
  id: string;
  fate: 'runs again' | 'stays' | 'is new' | 'is gone';
  /** Why it runs again: what changed of what its fingerprint is made of. */
  reasons: string[];
}

/** Whether the contents behind an absolute path, a pattern or a folder are other than before. */
export type ContentChange = (path: string) => boolean;

/**
 * Which stages a changed recipe makes again, in the order of its plan; those that are gone come last.
 *
 * It follows from what a stage's fingerprint is made of: settings of the recipe, references and files of the user, and
 * the outputs of earlier stages, of which is assumed that a stage that runs again makes another output.
 */
export function stageConsequences(
  before: Recipe,
  after: Recipe,
  contentChanged: ContentChange,
): StageConsequence[] {
  const [old, now] = [stagesOf(before), stagesOf(after)];
  // Outputs are kept by the name of the recipe.
  const moved = before.name === after.name ? [] : ['its outputs are kept under another name'];
  const again = new Set<string>();
  const left = now.map(([stage, ingredients]): StageConsequence => {
    const { id } = stage;
    const earlier = old.find(([candidate]) => candidate.id === id)?.[1];
    if (!earlier) {
      again.add(id);
      return { id, fate: 'is new', reasons: [] };
    }
    const reasons = [...moved, ...whyAgain(earlier, ingredients, again, contentChanged)];
    if (reasons.length === 0) return { id, fate: 'stays', reasons };
    again.add(id);
    return { id, fate: 'runs again', reasons };
  });
  const gone = old.filter(([{ id }]) => !now.some(([stage]) => stage.id === id));
  return [...left, ...gone.map(([{ id }]): StageConsequence => ({ id, fate: 'is gone', reasons: [] }))];
}

/** What the fingerprint of a stage is made of, as far as it follows from the recipe. */
interface Ingredients {
  settings: Json;
  /** By name: a stage, a reference to a hub, or paths of the user. */
  inputs: Record<string, { stage: string } | { reference: string } | { paths: readonly string[] }>;
}

function whyAgain(
  before: Ingredients,
  after: Ingredients,
  again: ReadonlySet<string>,
  contentChanged: ContentChange,
): string[] {
  const settings = isSame(before.settings, after.settings) ? [] : ['its settings change'];
  const inputs = Object.keys({ ...before.inputs, ...after.inputs }).flatMap((name) => {
    const input = after.inputs[name];
    if (!input || !isSame(before.inputs[name], input)) return [`another ${name}`];
    if ('stage' in input && again.has(input.stage)) return [`${input.stage} runs again`];
    return 'paths' in input && input.paths.some(contentChanged) ? [`the contents of its ${name} change`] : [];
  });
  return [...settings, ...new Set(inputs)];
}

function isSame(before: unknown, after: unknown): boolean {
  return digestOf((before ?? null) as Json) === digestOf((after ?? null) as Json);
}

function stagesOf(recipe: Recipe): [PlannedStage, Ingredients][] {
  // Where outputs are kept is in no fingerprint.
  return makePlan(recipe, '/').stages.map((stage) => [stage, ingredientsOf(recipe, stage)]);
}

function ingredientsOf(recipe: Recipe, { stage, name, needs }: PlannedStage): Ingredients {
  const base = baseInput(recipe);
  switch (stage) {
    case 'base-model': {
      if (recipe.baseModel.kind !== 'random') throw new Error('only a random base model is a stage');
      const { configFile, ...settings } = recipe.baseModel;
      // Of the file its contents count, not its name.
      return { settings: baseModelSettings(settings, null), inputs: { config: { paths: [configFile] } } };
    }
    case 'prepare-dataset': {
      const dataset = recipe.datasets[name];
      if (!dataset) throw new Error(`no dataset ${name}`);
      const sources = dataset.sources.map((source): [string, Ingredients['inputs'][string]] => [
        'source',
        'files' in source ? { paths: source.files } : { reference: JSON.stringify(source) },
      ]);
      const numbered = sources.map(([, source], index) => [index ? `source ${index + 1}` : 'source', source]);
      return { settings: datasetSettings(dataset), inputs: Object.fromEntries(numbered) };
    }
    case 'sft-train': {
      const expert = recipe.experts.find((candidate) => candidate.name === name);
      if (!expert) throw new Error(`no expert ${name}`);
      const dataset = { stage: `prepare-dataset/${expert.dataset}` };
      return {
        settings: trainingSettings(expert.training, recipe.launch),
        inputs: { 'base model': base, dataset },
      };
    }
    case 'lora-merge':
      return {
        settings: adapterSettings(),
        inputs: { 'base model': base, adapter: { stage: `sft-train/${name}` } },
      };
    case 'model-merge': {
      const settings = mergeSettings(recipe.merge);
      // An expert that the configuration does not name is not read.
      const used = needs.filter((id) => JSON.stringify(settings).includes(`\${${id.split('/')[1]}}`));
      return {
        settings,
        inputs: {
          'base model': base,
          ...Object.fromEntries(used.map((id) => [`expert ${id.split('/')[1]}`, { stage: id }])),
        },
      };
    }
  }
}

/**
 * The settings of a planned stage, as its fingerprint has them.
 *
 * @param readConfig the content of the file that a random base model is made from
 */
export function plannedSettings(
  recipe: Recipe,
  stage: PlannedStage,
  readConfig: (file: string) => Json,
): Json {
  const { baseModel: base } = recipe;
  if (stage.stage === 'base-model' && base.kind === 'random')
    return baseModelSettings(base, readConfig(base.configFile));
  return ingredientsOf(recipe, stage).settings;
}

function baseInput({ baseModel: base }: Recipe): Ingredients['inputs'][string] {
  if (base.kind === 'random') return { stage: 'base-model' };
  return base.kind === 'path' ? { paths: [base.path] } : { reference: `${base.id}@${base.revision}` };
}
