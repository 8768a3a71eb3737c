import { z } from 'zod';
import { type KeyDescription, keySchemas } from './key-schema.ts';
import { LAUNCH_KEY_TEXTS as TEXTS } from './launch-key-texts.ts';
import launchKeys from './launch-keys.json' with { type: 'json' };

const KEYS: Record<string, KeyDescription> = launchKeys.keys;
const { distributed_type, mixed_precision, machine_rank, num_machines, use_cpu } = launchKeys.keys;

const known = keySchemas(KEYS, TEXTS);

/**
 * A launch config as `accelerate launch` reads it. Unknown keys are errors: at the top they are accelerate's own, and in a
 * section accelerate would pass over them and train with another setting.
 */
export const launchConfigSchema = z.strictObject({
  ...known,
  distributed_type: choice(distributed_type.choices).describe(TEXTS.distributed_type),
  mixed_precision: choice(mixed_precision.choices)
    .nullish()
    .meta({ description: TEXTS.mixed_precision, default: mixed_precision.default }),
  num_processes: z.int().positive().optional().describe(TEXTS.num_processes),
  num_machines: z
    .int()
    .positive()
    .optional()
    .meta({ description: TEXTS.num_machines, default: num_machines.default }),
  machine_rank: z
    .int()
    .nonnegative()
    .optional()
    .meta({ description: TEXTS.machine_rank, default: machine_rank.default }),
  main_process_port: z.int().min(0).max(65535).nullish().describe(TEXTS.main_process_port),
  // The schema of its keys, with a type for those who read them.
  deepspeed_config: known.deepspeed_config as z.ZodOptional<z.ZodType<Record<string, unknown>>>,
  use_cpu: z.boolean().optional().meta({ description: TEXTS.use_cpu, default: use_cpu.default }),
});

/** One of these texts; `no` arrives as false where it has no quotes. */
function choice(values: readonly string[]) {
  return z.enum(values, {
    error: ({ input }) =>
      typeof input === 'boolean'
        ? `accelerate reads yes and no without quotes as true and false: write "${input ? 'yes' : 'no'}"`
        : `expected ${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
  });
}
