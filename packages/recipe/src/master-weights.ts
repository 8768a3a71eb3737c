import type { Launch } from './launch.ts';
import type { TrainingSection } from './training-schema.ts';
import type { Finding } from './yaml-file.ts';

/** Why the trainer keeps no float32 master weights behind the weights that it trains. */
interface Absence {
  reason: string;
  /** Nothing else keeps float32 weights: updates below the last digit of a weight are lost. */
  losesUpdates: boolean;
}

type Precision = Pick<TrainingSection, 'masterWeights' | 'arguments'>;

/**
 * Whether the trainer keeps float32 master weights: as the file says, and by default in full fine-tuning of 16-bit weights
 * where nothing else does. The trainer's `master_weights.py` decides by the same rules.
 *
 * @param baseDtype data type of the base model's weights, which `dtype: auto` takes
 * @returns null where it depends on the base model's data type, and that is not given
 */
export function keepsMasterWeights(
  training: Precision,
  launch: Launch | undefined,
  baseDtype?: string,
): boolean | null {
  if (training.masterWeights !== undefined) return training.masterWeights;
  const dtype = dtypeOf(training, baseDtype);
  if (absence(training, launch, dtype)) return false;
  return dtype === undefined ? null : true;
}

/** Refuses master weights where they have no place, and warns where updates are lost without them. */
export function checkMasterWeights(
  training: Precision,
  launch: Launch | undefined,
  report: (key: string, finding: Finding) => void,
): void {
  const { masterWeights, arguments: given } = training;
  const dtype = dtypeOf(training, undefined);
  const found = absence(training, launch, dtype);
  if (given.fp16 === true && dtype === 'float16' && given.use_peft !== true && !usesDeepSpeed(launch)) {
    const message = 'fp16 is true and dtype is float16: PyTorch scales no gradients that are in float16';
    report('fp16', {
      code: 'conflicting-keys',
      message,
      hint: 'Write dtype: float32, or bfloat16 and bf16.',
    });
  }
  if (masterWeights === true && found) {
    report('master_weights', {
      code: usesDeepSpeed(launch) ? 'launch-mismatch' : 'conflicting-keys',
      message: `master_weights is not available: ${found.reason}`,
      hint: 'Remove master_weights.',
    });
  } else if (found?.losesUpdates || (masterWeights === false && !found && dtype !== undefined)) {
    const reason = found?.reason ?? 'master_weights is false';
    report(found ? (/^optim/.test(found.reason) ? 'optim' : 'dtype') : 'master_weights', {
      code: 'no-master-weights',
      message: `${reason}: nothing keeps float32 master weights, and updates below the last digit of a ${dtype ?? '16-bit'} weight are lost, nearly all of them at a learning rate of 1e-5`,
      hint: found
        ? 'Write dtype: bfloat16 and optim: adamw_torch, or dtype: float32.'
        : 'Remove master_weights.',
    });
  }
}

/** AdamW's names whose result split AdamW has, to the order of roundings. */
const ADAMW = ['adamw_torch', 'adamw_torch_fused'];

function absence(
  { arguments: given }: Precision,
  launch: Launch | undefined,
  dtype: string | undefined,
): Absence | undefined {
  const optimizer = String(given.optim ?? 'adamw_torch');
  if (given.use_peft === true)
    return { reason: 'use_peft is true: LoRA weights are in float32', losesUpdates: false };
  if (usesDeepSpeed(launch)) return { reason: 'DeepSpeed keeps float32 weights', losesUpdates: false };
  if (dtype === 'float32')
    return { reason: 'dtype is float32: the weights are float32 already', losesUpdates: false };
  if (dtype === 'float16') return { reason: 'dtype is float16', losesUpdates: true };
  if (!ADAMW.includes(optimizer))
    return { reason: `optim is ${optimizer}, not adamw_torch`, losesUpdates: dtype !== undefined };
  if (launch?.config.distributed_type === 'FSDP' && launch.config.use_cpu !== true)
    return { reason: 'distributed_type is FSDP', losesUpdates: dtype !== undefined };
  return undefined;
}

/** `bfloat16`, `float16` or `float32`; undefined for `auto` where the base model's data type is not given. */
function dtypeOf({ arguments: given }: Precision, baseDtype: string | undefined): string | undefined {
  const dtype = String(given.dtype ?? 'float32').replace(/^torch\./, '');
  return dtype === 'auto' ? baseDtype : dtype;
}

function usesDeepSpeed(launch: Launch | undefined): boolean {
  return launch?.config.distributed_type === 'DEEPSPEED';
}
