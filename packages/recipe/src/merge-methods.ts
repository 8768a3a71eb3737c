import type { MergeMethod, MergeParameter } from './merge-schema.ts';

interface MethodParameters {
  /** Of all models together. */
  shared: readonly MergeParameter[];
  /** Of each model but the base; `parameters` of the configuration sets them for all. */
  perModel: readonly MergeParameter[];
  required: readonly MergeParameter[];
  needsBase: boolean;
}

const DARE: MethodParameters = {
  shared: ['normalize', 'rescale', 'lambda'],
  perModel: ['weight', 'density'],
  required: ['weight'],
  needsBase: true,
};

/** What each method reads, as in packages/trainer's `merging/methods`. */
export const METHODS: Record<MergeMethod, MethodParameters> = {
  linear: { shared: ['normalize'], perModel: ['weight'], required: ['weight'], needsBase: false },
  slerp: { shared: ['t'], perModel: [], required: ['t'], needsBase: true },
  task_arithmetic: {
    shared: ['normalize', 'lambda'],
    perModel: ['weight'],
    required: ['weight'],
    needsBase: true,
  },
  ties: {
    shared: ['normalize', 'lambda'],
    perModel: ['weight', 'density'],
    required: ['weight'],
    needsBase: true,
  },
  dare_ties: DARE,
  dare_linear: DARE,
  supermario: { shared: ['p', 'lambda'], perModel: [], required: [], needsBase: true },
};
