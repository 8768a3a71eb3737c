import path from 'node:path';

export const METHODS = [
  'linear',
  'slerp',
  'task_arithmetic',
  'ties',
  'dare_linear',
  'dare_ties',
  'supermario',
] as const;

export type Method = (typeof METHODS)[number];

/** What made mergekit fastest here; the number of threads comes last. */
export const MERGEKIT_BEST = ['--lazy-unpickle', '--async-write', '--write-threads', '2', '--num-threads'];

/** Whether a method reads a base model beside the two experts. */
export function needsBase(method: Method): boolean {
  return method !== 'linear' && method !== 'slerp';
}

/** A mergekit configuration of the models `base`, `a` and `b` in a folder, as ours and mergekit read it. */
export function configOf(method: Method, folder: string): object {
  const [base, a, b] = ['base', 'a', 'b'].map((name) => path.join(folder, name)) as [string, string, string];
  const common = { merge_method: method, dtype: 'bfloat16' };
  const weighted = (extra: object) => [
    { model: a, parameters: { weight: 0.6, ...extra } },
    { model: b, parameters: { weight: 0.4, ...extra } },
  ];
  switch (method) {
    case 'linear':
      return { ...common, models: weighted({}) };
    case 'slerp':
      return { ...common, base_model: a, models: [{ model: a }, { model: b }], parameters: { t: 0.5 } };
    case 'task_arithmetic':
      return { ...common, base_model: base, models: weighted({}) };
    case 'supermario':
      return { ...common, base_model: base, models: [{ model: a }, { model: b }] };
    default:
      return { ...common, base_model: base, models: weighted({ density: 0.5 }) };
  }
}
