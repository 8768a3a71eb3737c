import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { chainContext, plannedStage, planOf, runPlannedStage } from '@prometheus-actions/chain';
import { PlainReporter, PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { command, temporaryFolder } from './command.ts';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder, name);
const recipe = path.join(PROJECT_ROOT, 'recipes/smoke-8x7b');

// Each stage alone, with explicit inputs and no recipe; the later ones read what the earlier ones made.
describe('a stage command alone', () => {
  it('prepare-dataset', async () => {
    const { code, output } = await command([
      ...[
        'prepare-dataset',
        '--file',
        path.join(recipe, 'data/feedback.json'),
        '--system-prompt',
        'You are a judge.',
      ],
      ...['--user-column', 'instruction', '--assistant-column', 'output', '--test-size', '8', '--seed', '7'],
      ...['--output-dir', at('data')],
    ]);
    expect(output).toContain('prepare-dataset: done, 152 rows to train on, 8 to test');
    expect(code).toBe(0);
    expect(existsSync(at('data/train/dataset_info.json'))).toBe(true);
  });

  it('sft-train of a LoRA, on a base that a recipe made', async () => {
    const made = await command([
      'replicate',
      recipe,
      '--artifacts-dir',
      at('unused'),
      '--json',
      '--processes',
      '3',
    ]);
    // 3 processes do not divide the recipe's batch: the plan is refused before anything is made.
    expect(made.code).toBe(2);
    expect(existsSync(at('unused'))).toBe(false);
    const base = await command([
      'sft-train',
      '--recipe',
      recipe,
      '--expert',
      'absolute',
      '--artifacts-dir',
      at('runs'),
    ]);
    // The data, which another command makes, is missing: nothing is made.
    expect(base.code).toBe(2);
    expect(base.output).toMatch(
      /no finished data\/feedback-collection \(prepare-dataset\/feedback-collection\), which this stage reads\n {2}Run that stage first/,
    );
    expect(existsSync(at('runs'))).toBe(false);
    const reporter = new PlainReporter(() => {});
    const planned = planOf({ recipe, artifacts_dir: at('runs') }, { reporter });
    const context = chainContext({ reporter, signal: new AbortController().signal });
    await runPlannedStage(planned.recipe, planned.plan, plannedStage(planned.plan, 'base-model'), context);
    const config = at('lora.yaml');
    writeFileSync(
      config,
      // A file as alignment-handbook has them, by itself.
      `model_name_or_path: runs/base
model_revision: main
torch_dtype: float32
attn_implementation: flash_attention_2
use_peft: true
lora_r: 4
lora_alpha: 8
lora_dropout: 0.1
lora_target_modules:
- q_proj
- w1
- w2
- w3
dataset_mixer:
  an-owner/judgements: 1.0
bf16: false
evaluation_strategy: epoch
gradient_accumulation_steps: 1
learning_rate: 1.0e-3
logging_steps: 1
max_seq_length: 512
max_steps: 3
output_dir: data/an-adapter
overwrite_output_dir: true
per_device_train_batch_size: 4
push_to_hub: true
warmup_ratio: 0.1
`,
    );
    const { code, output } = await command([
      ...['sft-train', '--dataset-dir', at('data'), '--config', config, '--output-dir', at('adapter')],
    ]);
    expect(output).toContain('notice: dataset_mixer is not read here. Data is described');
    expect(output).toContain('notice: max_seq_length is called max_length today');
    expect(output).toMatch(
      /flash_attention_2 needs the package flash_attn, .* own attention computes the same/,
    );
    expect(output).toMatch(/sft-train: done, 3 steps/);
    expect(code).toBe(0);
    expect(readdirSync(at('adapter'))).toContain('adapter_model.safetensors');
  });

  it('lora-merge', async () => {
    const args = [
      '--base',
      at('runs/base'),
      '--adapter',
      at('adapter'),
      '--dtype',
      'float32',
      '--output-dir',
      at('merged'),
    ];
    const { code, output } = await command(['lora-merge', ...args]);
    expect(output).toMatch(/lora-merge: done/);
    expect(code).toBe(0);
  });

  it('model-merge', async () => {
    const config = at('merge.yaml');
    writeFileSync(
      config,
      `models:\n  - model: merged\n    parameters: { weight: 3 }\n  - model: \${base}\n    parameters: { weight: 1 }\nmerge_method: linear\ndtype: float16\n`,
    );
    const { code, output } = await command([
      'model-merge',
      '--config',
      config,
      '--model',
      `base=${at('runs/base')}`,
      '--output-dir',
      at('judge'),
    ]);
    expect(output).toMatch(/model-merge: done/);
    expect(code).toBe(0);
    expect(readdirSync(at('judge'))).toContain('tokenizer.json');
  });

  it('model-merge of an adapter on the fly, which keeps nothing between', async () => {
    const config = at('fly.yaml');
    writeFileSync(
      config,
      'models:\n  - model: ${absolute}\nbase_model: ${base}\nmerge_method: task_arithmetic\nparameters: { weight: 0.5 }\ndtype: bfloat16\n',
    );
    const { code, output } = await command([
      ...['model-merge', '--config', config, '--base', at('runs/base')],
      ...['--adapter', `absolute=${at('adapter')}`, '--seed', '7', '--output-dir', at('flown')],
    ]);
    expect(output).toMatch(/model-merge: done, task_arithmetic of 1 model/);
    expect(code).toBe(0);
    expect(readdirSync(at('flown'))).toContain('mergekit_config.yml');
  });

  it.each([
    'replicate',
    'prepare-dataset',
    'sft-train',
    'lora-merge',
    'model-merge',
    'validate',
    'plan',
    'status',
    'clean',
  ])('%s --help explains itself', async (name) => {
    const { code, output } = await command([name, '--help']);
    expect(code).toBe(0);
    expect(output).toContain(`Usage: prometheus-actions ${name}`);
    expect(output).toContain('--json');
  });
});

describe('plan', () => {
  const nowhere = ['--artifacts-dir', at('nothing-there')];

  it('says what is there, what is to do, and what it costs', async () => {
    const { code, output } = await command(['plan', recipe, '--artifacts-dir', at('runs')]);
    expect(code).toBe(0);
    expect(output).toMatch(/\n {2}base-model +base +there, [0-9a-f]{12}/);
    expect(output).toMatch(/\n {2}model-merge +judge +to do +from base-model/);
    expect(output).toMatch(/\nsmoke-8x7b: mixtral, 4\.\d million parameters, /);
  });

  it('ends with exit code 2 and what to change where it does not fit', async () => {
    const fits = await command(['plan', 'prometheus-7b-v2.0', '--gpu', '8xA100-80GB', ...nowhere]);
    expect(fits.code).toBe(0);
    expect(fits.output).toMatch(/absolute, relative: fits: /);
    const args = ['plan', 'prometheus-7b-v2.0', '--gpu', '2xA100-40GB', ...nowhere];
    const { code, output } = await command(args);
    expect(code).toBe(2);
    expect(output).toMatch(/notice: planned for 2 processes, one a GPU; the recipe says 8/);
    expect(output).toMatch(/error: absolute, relative: does not fit: .*\n {2}Change one of these: /);
    const json = await command([...args, '--json']);
    expect(json.code).toBe(2);
    expect(json.output).toMatch(/"stages": \[[\s\S]*"estimate": \{[\s\S]*"fits": false/);
  });
});

describe("a user's mistake ends with exit code 2, one clear message, and nothing started", () => {
  it.each([
    ['an unknown command', ['trian'], /unknown command 'trian'/],
    [
      'an unknown option',
      ['plan', '--porcesses', '2'],
      /unknown option '--porcesses'[\s\S]*Did you mean --processes/,
    ],
    ['no number', ['plan', '--processes', 'two'], /--processes: expected a whole number above 0, found two/],
    [
      'an unknown GPU',
      ['plan', '--gpu', '8xA100-40G'],
      /--gpu 8xA100-40G: A100-40G is not a GPU that is known here\n {2}Did you mean A100-40GB\?/,
    ],
    [
      'other processes than GPUs',
      ['plan', 'prometheus-7b-v2.0', '--gpu', '4xH100', '--processes', '8'],
      /one process trains on one GPU\n {2}Give --processes 4/,
    ],
    [
      'a recipe that is not there',
      ['replicate', 'recipes/smoke-9b'],
      /recipes\/smoke-9b.*: the file can't be read: ENOENT/,
    ],
    [
      'an adapter without its base',
      ['model-merge', '--config', at('merge.yaml'), '--adapter', 'a=x', '--output-dir', 'y'],
      /base is missing/,
    ],
    [
      'an unknown engine',
      ['model-merge', '--config', at('merge.yaml'), '--engine', 'mergekitt', '--output-dir', 'y'],
      /--engine: Invalid option/,
    ],
    ['an input missing', ['lora-merge', '--base', '.'], /adapter is missing/],
    [
      'no model',
      ['lora-merge', '--base', 'nowhere', '--adapter', 'x', '--output-dir', 'y'],
      /nowhere is neither a folder nor id@revision/,
    ],
    [
      'an unknown expert',
      ['sft-train', '--recipe', 'smoke-7b', '--expert', 'relativ'],
      /has no stage sft-train\/relativ/,
    ],
  ])('%s', async (_what, args, message) => {
    const { code, output } = await command(args);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/\n\s+at /);
    expect(code).toBe(2);
  });

  it('a batch that the processes do not divide', async () => {
    const { code, output } = await command([
      'replicate',
      'smoke-7b',
      '--processes',
      '3',
      '--artifacts-dir',
      at('refused'),
    ]);
    expect(output).toMatch(
      /absolute\.yaml:6:20: error: global_batch_size 8 is not a multiple of 4 examples × 3 processes = 12/,
    );
    expect(code).toBe(2);
    expect(existsSync(at('refused'))).toBe(false);
  });

  it('an output folder that holds something else', async () => {
    mkdirSync(at('mine'));
    writeFileSync(at('mine/notes.txt'), 'mine');
    const data = path.join(recipe, 'data/feedback.json');
    const { code, output } = await command(['prepare-dataset', '--file', data, '--output-dir', at('mine')]);
    expect(output).toMatch(/mine is not empty, and no stage-manifest\.json says that a stage made it/);
    expect(code).toBe(2);
    expect(readdirSync(at('mine'))).toEqual(['notes.txt']);
  });

  it('a Python that lacks the packages', async () => {
    const base = cpRecipe();
    const { code, output } = await command(['replicate', base, '--artifacts-dir', at('no-python')], {
      PROMETHEUS_PYTHON: '/usr/bin/env',
    });
    expect(output).toMatch(/PROMETHEUS_PYTHON=\/usr\/bin\/env can't be used/);
    expect(code).toBe(2);
  });
});

function cpRecipe(): string {
  const copy = at('copy');
  cpSync(recipe, copy, { recursive: true });
  return copy;
}

describe('a start of the command', () => {
  it('keeps what Node compiles, and does without where nothing can be written', async () => {
    const cache = at('compiled');
    const kept = await command(['--help'], { NODE_COMPILE_CACHE: cache });
    expect(kept.code).toBe(0);
    expect(readdirSync(cache)).toHaveLength(1);
    const file = at('no-folder');
    writeFileSync(file, '');
    expect(await command(['--help'], { NODE_COMPILE_CACHE: path.join(file, 'compiled') })).toEqual(kept);
  });
});
