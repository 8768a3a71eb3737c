import { isLora, type Plan, type PlannedStage, type Recipe } from '@prometheus-actions/recipe';
import { ConfigurationError, type StageOutcome } from '@prometheus-actions/stage';
import { makeBaseModel } from './base-model.ts';
import type { ChainContext } from './chain-context.ts';
import { loraMerge } from './lora-merge.ts';
import type { NamedModel, NamedModels } from './merged-models.ts';
import { modelMerge } from './model-merge.ts';
import type { ModelReference } from './model-reference.ts';
import { prepareDataset } from './prepare-dataset.ts';
import { sftTrain } from './sft-train.ts';
import type { TokenSettings } from './token-limit.ts';
import { warningsAbout } from './validation/annotations.ts';

/** Runs one stage of a plan with the settings that the recipe has for it. */
export async function runPlannedStage(
  recipe: Recipe,
  plan: Plan,
  stage: PlannedStage,
  context: ChainContext,
): Promise<StageOutcome> {
  const { outputDir } = stage;
  const title = stage.name ? `${stage.stage} ${stage.name}` : stage.stage;
  switch (stage.stage) {
    case 'base-model': {
      if (recipe.baseModel.kind !== 'random') throw new Error('only a random base model is a stage');
      return makeBaseModel({ ...recipe.baseModel, outputDir }, context);
    }
    case 'prepare-dataset': {
      const dataset = recipe.datasets[stage.name];
      if (!dataset) throw new Error(`no dataset ${stage.name}`);
      return prepareDataset({ title, dataset, tokens: tokensOf(recipe, stage.name), outputDir }, context);
    }
    case 'sft-train': {
      const expert = recipe.experts.find(({ name }) => name === stage.name);
      if (!expert) throw new Error(`no expert ${stage.name}`);
      const dataset = outputOf(plan, `prepare-dataset/${expert.dataset}`);
      const { launch } = recipe;
      const warnings = warningsAbout(context.findings ?? [], expert.yaml.file);
      return sftTrain(
        {
          title,
          model: baseModel(recipe, plan),
          dataset,
          training: expert.training,
          launch,
          warnings,
          outputDir,
        },
        context,
      );
    }
    case 'lora-merge': {
      const adapter = outputOf(plan, `sft-train/${stage.name}`);
      return loraMerge({ title, base: baseModel(recipe, plan), adapter, outputDir }, context);
    }
    case 'model-merge': {
      return modelMerge(
        { title, merge: recipe.merge, models: mergedModels(recipe, plan), outputDir },
        context,
      );
    }
  }
}

/**
 * The planned stage of an id.
 *
 * @throws ConfigurationError naming the ids that there are
 */
export function plannedStage(plan: Plan, id: string): PlannedStage {
  const stage = plan.stages.find((candidate) => candidate.id === id);
  if (stage) return stage;
  throw new ConfigurationError(`the recipe ${plan.recipe} has no stage ${id}`, {
    hint: `Its stages are ${plan.stages.map((candidate) => candidate.id).join(', ')}.`,
  });
}

/** The shortest length at which an expert of a dataset is cut. A random base model has no tokenizer before it is made. */
function tokensOf({ baseModel: base, experts }: Recipe, dataset: string): TokenSettings | undefined {
  if (base.kind === 'random') return undefined;
  const lengths = experts
    .filter((expert) => expert.dataset === dataset)
    .map(({ training }) => Number(training.arguments.max_length ?? PARITY_MAX_LENGTH));
  const model = base.kind === 'hub' ? { id: base.id, revision: base.revision } : { path: base.path };
  return { model, maxLength: Math.min(...lengths) };
}

/** What the profile parity takes where a recipe says nothing. */
const PARITY_MAX_LENGTH = 4096;

/** What the names in a merge configuration stand for: the experts, merged or as adapters on the base, and `base`. */
function mergedModels(recipe: Recipe, plan: Plan): NamedModels {
  const base = baseModel(recipe, plan);
  const experts = recipe.experts.map((expert): [string, NamedModel] => {
    const { name } = expert;
    if (plan.adapters.includes(name)) return [name, { path: outputOf(plan, `lora-merge/${name}`) }];
    const trained = outputOf(plan, `sft-train/${name}`);
    return [name, isLora(expert) ? { ...base, adapter: trained } : { path: trained }];
  });
  return { ...Object.fromEntries(experts), base };
}

function outputOf(plan: Plan, id: string): string {
  return plannedStage(plan, id).outputDir;
}

function baseModel(recipe: Recipe, plan: Plan): ModelReference {
  const { baseModel: base } = recipe;
  if (base.kind === 'hub') return { id: base.id, revision: base.revision };
  return { path: base.kind === 'path' ? base.path : outputOf(plan, 'base-model') };
}
