import { expect, it } from 'vitest';
import { chooseLevers, keptByLevers, recomputedByLevers, statesByLevers } from '../src/levers.ts';
import type { TrainingSetup } from '../src/training-setup.ts';
import { askPython, requirePython } from './python.ts';
import { knownArchitecture, setupOf } from './setup-of.ts';

const GiB = 2 ** 30;

/** The trainer's own choice, on a device of a size that is given. */
const PROGRAM = `
import json, sys
from types import SimpleNamespace
import torch
from prometheus_trainer import levers

def answer(case):
    torch.cuda.is_available = lambda: True
    levers._device_memory = lambda: case["memory"]
    states = (
        levers.zero3_state_bytes(case["total"], case["trainable"], processes=case["processes"])
        if case["zero3"]
        else levers.state_bytes(
            case["total"], case["trainable"], parameter_bytes=2, processes=case["processes"],
            master_weights=case["master_weights"],
        )
    )
    chosen = levers.choose_levers(
        case["config"],
        overrides=levers.Overrides(case["attention"], case["recompute"], case["tokens"]),
        state_bytes=states, longest_row=case["longest"], half_precision=True, zero3=case["zero3"],
    )
    return {
        "states": states, "kept": levers.kept_bytes_per_token(case["config"]),
        "recomputed": levers.recomputed_bytes_per_token(case["config"]),
        "compiled": chosen.compile_layers, "recompute": chosen.recompute, "tokens": chosen.micro_batch_tokens,
    }

print(json.dumps([answer(case) for case in json.load(sys.stdin)]))
`;

const ZERO3 = { zeroStage: 3, offloadOptimizer: false, offloadParameters: false } as const;
const MIXTURE = knownArchitecture('mistralai/Mixtral-8x7B-Instruct-v0.1');
const LORA = {
  rank: 256,
  targets: ['q_proj', 'w1', 'lm_head'],
  dropout: 0.1,
  dora: false,
  modulesToSave: [],
};

const CASES: { memory: number; change: Partial<TrainingSetup> }[] = [
  { memory: 140 * GiB, change: {} },
  { memory: 80 * GiB, change: {} },
  { memory: 40 * GiB, change: {} },
  { memory: 140 * GiB, change: { masterWeights: true } },
  { memory: 140 * GiB, change: { processes: 8 } },
  { memory: 80 * GiB, change: { processes: 8, sharding: ZERO3 } },
  { memory: 140 * GiB, change: { recompute: true } },
  { memory: 80 * GiB, change: { recompute: false } },
  { memory: 80 * GiB, change: { attention: 'sdpa' } },
  { memory: 80 * GiB, change: { microBatchTokens: 6000, rowTokens: 2000 } },
  { memory: 80 * GiB, change: { architecture: MIXTURE, lora: LORA, processes: 8, sharding: ZERO3 } },
  { memory: 140 * GiB, change: { architecture: MIXTURE, lora: LORA } },
];

it('chooses what the trainer chooses', (context) => {
  requirePython(context);
  const setups = CASES.map(({ change }) => setupOf({ profile: 'fast', recompute: undefined, ...change }));
  const cases = setups.map((setup, index) => {
    const { architecture: shape, lora, processes, masterWeights, sharding, attention, recompute } = setup;
    const { total } = shape.parameters;
    const adapters = lora ? 1_000_000_000 : 0;
    return {
      memory: CASES[index]?.memory,
      total: total + adapters,
      trainable: lora ? adapters : total,
      processes,
      master_weights: masterWeights,
      zero3: sharding.zeroStage === 3,
      attention: attention ?? 'flash_attention_2',
      recompute: recompute ?? null,
      tokens: setup.microBatchTokens ?? null,
      longest: setup.rowTokens,
      config: {
        hidden_size: shape.hiddenSize,
        intermediate_size: shape.intermediateSize,
        num_hidden_layers: shape.layers,
        vocab_size: shape.vocabSize,
        ...(shape.experts
          ? { num_local_experts: shape.experts.count, num_experts_per_tok: shape.experts.perToken }
          : {}),
      },
    };
  });
  interface Answer {
    states: number;
    kept: number;
    recomputed: number;
    compiled: boolean;
    recompute: boolean;
    tokens: number;
  }
  const answers = askPython<Answer[]>({ text: PROGRAM }, cases);
  for (const [index, setup] of setups.entries()) {
    const { states, kept, recomputed, compiled, recompute, tokens } = answers[index] as Answer;
    const name = JSON.stringify(CASES[index]?.change);
    expect(keptByLevers(setup.architecture), name).toBe(kept);
    expect(recomputedByLevers(setup.architecture), name).toBe(recomputed);
    // The adapters of a LoRA are counted in another test.
    if (!setup.lora) {
      expect(statesByLevers(setup), name).toBe(states);
      expect(chooseLevers(setup, CASES[index]?.memory), name).toEqual({
        compiled,
        recompute,
        microBatchTokens: tokens,
      });
    }
  }
}, 120_000);
