import { expect, it } from 'vitest';
import { evaluationLine, trainingLine } from '../src/training-line.ts';

it('tells loss, learning rate, gradient norm and speed of a step', () => {
  const event = {
    step: 120,
    loss: 0.512345,
    learning_rate: 9.87654e-6,
    grad_norm: 1.23456,
    epoch: 0.31,
    tokens: 1_234_567,
    tokens_per_second: 12_345.6,
    mfu: 0.4312,
    memory_bytes: 7e10,
    seconds_left: 3600,
  };
  expect(trainingLine(event)).toBe(
    'step 120: loss 0.5123, learning rate 9.88e-6, grad norm 1.235, 12,346 tokens/s, MFU 43.1 %',
  );
});

it('leaves out what is not there, and names a loss that is no number', () => {
  expect(trainingLine({ step: 3, loss: 'nan', learning_rate: 0 })).toBe('step 3: loss nan, learning rate 0');
  expect(evaluationLine({ step: 3, loss: 2.34567 })).toBe('evaluation at step 3: loss 2.346');
});

it('fits into 120 columns behind the name of a stage', () => {
  const event = {
    step: 1_234_567,
    loss: 0.000123456,
    learning_rate: 1.23456e-7,
    grad_norm: 12_345.678,
    tokens_per_second: 1_234_567.8,
    mfu: 0.9999,
  };
  expect(`sft-train absolute: ${trainingLine(event)}`.length).toBeLessThanOrEqual(120);
});
