import path from 'node:path';
import type { Recipe } from './load-recipe.ts';
import type { Expert } from './read-experts.ts';

export type StageName = 'base-model' | 'prepare-dataset' | 'sft-train' | 'lora-merge' | 'model-merge';

/** One stage of a run, by the name of what it makes. */
export interface PlannedStage {
  /** `sft-train/absolute`; unique in the plan. */
  id: string;
  stage: StageName;
  /** The dataset or expert it is for; the empty string where there is one only. */
  name: string;
  outputDir: string;
  /** Ids of the stages whose outputs it reads. */
  needs: string[];
}

/** What a run of a recipe does, in an order in which it can be done. */
export interface Plan {
  recipe: string;
  artifactsDir: string;
  datasets: string[];
  experts: string[];
  /** Experts trained as LoRA adapters that are merged into the base before the experts are merged. */
  adapters: string[];
  stages: PlannedStage[];
}

/** The plan of a recipe: the one list that the command and the workflow follow. */
export function makePlan(recipe: Recipe, artifactsDir: string): Plan {
  const folder = path.resolve(artifactsDir);
  const datasets = [...new Set(recipe.experts.map(({ dataset }) => dataset))];
  const base = recipe.baseModel.kind === 'random' ? ['base-model'] : [];
  const stage = (name: StageName, item: string, output: string, needs: string[]): PlannedStage => ({
    id: item ? `${name}/${item}` : name,
    stage: name,
    name: item,
    outputDir: path.join(folder, output),
    needs,
  });
  const adapters =
    recipe.merge.adapters === 'first' ? recipe.experts.filter(isLora).map(({ name }) => name) : [];
  return {
    recipe: recipe.name,
    artifactsDir: folder,
    datasets,
    experts: recipe.experts.map(({ name }) => name),
    adapters,
    stages: [
      ...base.map(() => stage('base-model', '', 'base', [])),
      ...datasets.map((name) => stage('prepare-dataset', name, `data/${name}`, [])),
      ...recipe.experts.map(({ name, dataset }) =>
        stage('sft-train', name, `experts/${name}`, [...base, `prepare-dataset/${dataset}`]),
      ),
      ...adapters.map((name) =>
        stage('lora-merge', name, `experts-merged/${name}`, [...base, `sft-train/${name}`]),
      ),
      // The experts are compared with the base model also where they are not merged with it.
      stage('model-merge', '', 'judge', [
        ...base,
        ...recipe.experts.map(
          ({ name }) => `${adapters.includes(name) ? 'lora-merge' : 'sft-train'}/${name}`,
        ),
      ]),
    ],
  };
}

/** Whether an expert is trained as a LoRA adapter. */
export function isLora({ training }: Expert): boolean {
  return training.arguments.use_peft === true;
}
