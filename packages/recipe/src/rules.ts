export type Severity = 'error' | 'warning' | 'notice';

interface Rule {
  /** What a finding of the rule is, where it does not say otherwise. */
  severity: Severity;
  /** What the rule is about, in one sentence. */
  summary: string;
}

/**
 * Every rule of recipes, by its stable name.
 *
 * An error keeps a recipe from being run. A warning is likely a mistake. A notice is worth knowing.
 */
export const RULES = {
  'yaml-syntax': { severity: 'error', summary: 'A file is not YAML.' },
  'duplicate-key': { severity: 'error', summary: 'A key stands twice in one place.' },
  'yaml-version': {
    severity: 'warning',
    summary: 'A value that TRL, accelerate and mergekit, which read YAML 1.1, take for another one.',
  },
  'missing-file': { severity: 'error', summary: 'A file or folder that is named is not there.' },
  'path-outside': { severity: 'error', summary: "A relative path leaves the recipe's folder." },
  'outside-workspace': {
    severity: 'error',
    summary: 'A path or link that leads out of the repository that is checked.',
  },
  'unknown-key': { severity: 'error', summary: 'A key that nothing reads.' },
  'missing-key': { severity: 'error', summary: 'A key that is needed is missing.' },
  'wrong-type': { severity: 'error', summary: 'A value of another type than its key takes.' },
  'bad-value': { severity: 'error', summary: 'A value that its key can not have.' },
  'unusual-value': { severity: 'warning', summary: 'A value far from what its key usually has.' },
  'unknown-name': { severity: 'error', summary: 'A dataset or an expert that the recipe does not have.' },
  'unused-name': { severity: 'warning', summary: 'A dataset or an expert that nothing uses.' },
  'same-model-twice': { severity: 'error', summary: 'A merge of a model with itself.' },
  'same-expert-twice': { severity: 'warning', summary: 'Two experts that are trained the same way.' },
  'renamed-key': { severity: 'notice', summary: 'A key has another name today.' },
  'removed-key': { severity: 'notice', summary: 'A key of older recipes that has no effect today.' },
  'decided-elsewhere': {
    severity: 'notice',
    summary: 'A key whose matter is said in another place of a recipe.',
  },
  'without-effect': { severity: 'warning', summary: 'A key without effect beside what else is said.' },
  'conflicting-keys': { severity: 'error', summary: 'Two keys that exclude each other.' },
  'excluded-by-profile': {
    severity: 'error',
    summary: 'A value that the profile of the training excludes.',
  },
  'unsupported-loss': { severity: 'error', summary: 'A loss that leaves a LoRA of lm_head out.' },
  'missing-package': {
    severity: 'warning',
    summary: "A value that needs a package which the project's environment does not have.",
  },
  'indivisible-batch': {
    severity: 'error',
    summary: 'A global batch size that is not a whole number of micro-batches.',
  },
  'indivisible-processes': { severity: 'error', summary: 'Processes that can not be spread over the nodes.' },
  'launch-mismatch': { severity: 'error', summary: 'A launch config that does not fit what is trained.' },
  'unsupported-adapter': {
    severity: 'error',
    summary: 'A LoRA adapter that training could not make, or that could not be merged.',
  },
  'unknown-module': { severity: 'error', summary: 'A LoRA target that the base model does not have.' },
  'unknown-architecture': {
    severity: 'notice',
    summary: "The base model's config.json can not be had, and nothing is checked against it.",
  },
  'position-limit': { severity: 'warning', summary: "Rows may be longer than the base model's positions." },
  'chat-template': {
    severity: 'error',
    summary: 'A chat template from which the answer can not be told.',
  },
  'no-checkpoints': { severity: 'notice', summary: 'An interrupted training would start over.' },
  'no-test-rows': { severity: 'notice', summary: 'An evaluation without rows to evaluate on.' },
  'unused-filter': {
    severity: 'warning',
    summary: 'A filter of the merge from which no tensor of the models takes its value.',
  },
  'dtype-mismatch': { severity: 'warning', summary: 'A data type of the merge that the experts do not fit.' },
  'no-master-weights': {
    severity: 'warning',
    summary: 'Weights of 16 bits are trained without float32 master weights, and most updates are lost.',
  },
  'unpinned-revision': {
    severity: 'warning',
    summary: 'A hub repository at a branch or tag: another run may get something else.',
  },
} as const satisfies Record<string, Rule>;

export type RuleCode = keyof typeof RULES;
