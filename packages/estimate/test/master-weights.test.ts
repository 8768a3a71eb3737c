import { keepsMasterWeights, type Launch } from '@prometheus-actions/recipe';
import { expect, it } from 'vitest';
import { askPython, requirePython } from './python.ts';

/** The trainer's own decision. */
const PROGRAM = `
import json, os, sys, tempfile
from pathlib import Path
from types import SimpleNamespace
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.master_weights import choose_master_weights

def answer(case):
    given = case["arguments"]
    os.environ["ACCELERATE_USE_FSDP"] = str(case["distributed"] == "FSDP").lower()
    sft = SimpleNamespace(
        optim=given.get("optim", "adamw_torch"), fsdp=[],
        deepspeed_plugin=object() if case["distributed"] == "DEEPSPEED" else None,
    )
    model = SimpleNamespace(dtype=given.get("dtype", "float32"), use_peft=given.get("use_peft", False))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps({"torch_dtype": case["base"]}))
        try:
            chosen = choose_master_weights(case["asked"], sft, model, Path(folder))
        except ConfigurationError:
            return "refused"
    return {"kept": chosen.kept, "warned": chosen.warning is not None}

print(json.dumps([answer(case) for case in json.load(sys.stdin)]))
`;

const TRAININGS = [
  {},
  { dtype: 'float32' },
  { dtype: 'bfloat16' },
  { dtype: 'float16' },
  { dtype: 'auto' },
  { dtype: 'bfloat16', use_peft: true },
  { dtype: 'bfloat16', optim: 'adamw_torch_fused' },
  { dtype: 'bfloat16', optim: 'adafactor' },
  { dtype: 'bfloat16', optim: 'adamw_torch_8bit' },
  { dtype: 'auto', optim: 'sgd' },
];

const CASES = TRAININGS.flatMap((arguments_) =>
  ['MULTI_GPU', 'DEEPSPEED', 'FSDP'].flatMap((distributed) =>
    ['bfloat16', 'float32'].flatMap((base) =>
      [undefined, true, false].map((asked) => ({
        arguments: arguments_,
        distributed,
        base,
        asked: asked ?? null,
      })),
    ),
  ),
);

it('keeps float32 master weights where the trainer does', (context) => {
  requirePython(context);
  const answers = askPython<('refused' | { kept: boolean; warned: boolean })[]>({ text: PROGRAM }, CASES);
  const disagreements = CASES.filter(({ arguments: given, distributed, base, asked }, index) => {
    const answer = answers[index];
    const launch = { config: { distributed_type: distributed } } as unknown as Launch;
    const kept = keepsMasterWeights({ masterWeights: asked ?? undefined, arguments: given }, launch, base);
    return answer !== 'refused' && answer?.kept !== kept;
  });
  expect(disagreements).toEqual([]);
  const isFull = ({ arguments: given, distributed, base }: (typeof CASES)[number]) =>
    distributed !== 'DEEPSPEED' &&
    !('use_peft' in given) &&
    /16/.test(given.dtype === 'auto' ? base : (given.dtype ?? 'float32'));
  // In full fine-tuning of 16-bit weights they are kept or there is a warning; elsewhere neither.
  for (const [index, answer] of answers.entries()) {
    if (answer === 'refused') continue;
    const whole = CASES[index] as (typeof CASES)[number];
    expect(answer.kept || answer.warned, JSON.stringify(whole)).toBe(isFull(whole));
  }
  expect(answers.filter((answer) => answer === 'refused').length).toBeGreaterThan(20);
});

it('leaves it to the trainer where the data type of the base model decides', () => {
  expect(
    keepsMasterWeights({ masterWeights: undefined, arguments: { dtype: 'auto' } }, undefined),
  ).toBeNull();
});
