import type { Json } from '@prometheus-actions/stage';

/** A logged training step as one line: what tells whether training goes well, and how fast it goes. */
export function trainingLine(event: { readonly [key: string]: Json }): string {
  const { tokens_per_second: speed, mfu } = event;
  const parts = [
    named('loss', event.loss),
    named('learning rate', event.learning_rate),
    named('grad norm', event.grad_norm),
    typeof speed === 'number' ? `${Math.round(speed).toLocaleString('en-US')} tokens/s` : '',
    typeof mfu === 'number' ? `MFU ${(100 * mfu).toFixed(1)} %` : '',
  ];
  return `step ${event.step}: ${parts.filter(Boolean).join(', ')}`;
}

/** The evaluation behind a step as one line. */
export function evaluationLine({ step, loss }: { readonly [key: string]: Json }): string {
  return `evaluation at step ${step}: ${named('loss', loss)}`;
}

/** A number that isn't finite comes as a text, `nan`. */
function named(name: string, value: Json | undefined): string {
  if (typeof value === 'number') return `${name} ${short(value)}`;
  return typeof value === 'string' ? `${name} ${value}` : '';
}

/** Four digits; below a thousandth as 9.88e-6, not 0.000009877. */
function short(value: number): string {
  const isTiny = value !== 0 && Math.abs(value) < 1e-3;
  return isTiny ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
