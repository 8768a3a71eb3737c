import trainingKeys from './training-keys.json' with { type: 'json' };
import type { Finding } from './yaml-file.ts';

type ProfileName = keyof typeof trainingKeys.profiles;

/** The profile of a training file: as it states it, or the default. */
export interface ProfileChoice {
  name: ProfileName;
  stated: boolean;
}

/** What a profile does instead of what some keys ask for. */
const INSTEAD: Readonly<Record<string, string>> = {
  assistant_only_loss: 'what is learnt follows from the chat template (generation marks) or response_marker',
  average_tokens_across_devices: "the loss is the mean of the devices' means, as the original's",
  load_in_4bit: 'the base model stays in 16 bits, which takes about four times the memory',
  load_in_8bit: 'the base model stays in 16 bits, which takes about twice the memory',
  loss_type: 'the loss is the negative log-likelihood of the answer',
  packing: 'each row is an example of its own; the profile fast packs rows without mixing them',
  padding_free: 'the profile fast has no padding',
  push_to_hub: 'the output stays in the folder of artifacts',
  train_sampling_strategy: 'rows come in one random order; the profile fast spares the padding otherwise',
  trust_remote_code: "no code out of a model's repository is run",
  use_liger_kernel: 'the profile fast has the same speed by compiled layers',
};

/**
 * The finding for a value that a profile excludes: an error where the file states the profile.
 *
 * A file without it, written for TRL itself, is taken as its author meant it as far as that goes: the profile's value
 * counts, and a notice says so.
 */
export function isExcluded(
  { name, stated }: ProfileChoice,
  key: string,
  value: unknown,
): Finding | undefined {
  const allowed = (trainingKeys.profiles[name] as Record<string, readonly unknown[]>)[key];
  if (!allowed || allowed.includes(value)) return undefined;
  const instead = INSTEAD[key];
  const found = `${key}: ${JSON.stringify(value)} is excluded by the profile ${name}`;
  return {
    ...(stated ? {} : { severity: 'notice' }),
    code: 'excluded-by-profile',
    message: instead ? `${found}: ${instead}` : found,
    hint: `Leave it out, or write ${allowed.map((one) => JSON.stringify(one)).join(' or ')}.`,
  };
}
