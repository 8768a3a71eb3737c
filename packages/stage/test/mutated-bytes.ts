import { randomNumbers } from '../../recipe/test/mutated-files.ts';

/** Whole numbers from 0 to below a limit. */
export type Random = (limit: number) => number;

/** The same ones for the same seed. */
export function wholeNumbers(seed: number): Random {
  const fraction = randomNumbers(seed);
  return (limit) => Math.floor(fraction() * limit);
}

export function oneOf<Value>(values: readonly Value[], random: Random): Value {
  return values[random(values.length)] as Value;
}

/**
 * A copy with mistakes that know no format: bits, bytes, numbers of 4 and 8 bytes, a part that is lost, doubled or moved.
 *
 * @param from where the interesting part begins: half of the mistakes are behind it
 */
export function mutateBytes(content: Buffer, random: Random, from = 0): Buffer {
  let bytes = Buffer.from(content);
  for (let left = 1 + random(3); left > 0 && bytes.length > 16; left -= 1) {
    const begin = random(2) === 0 ? Math.min(from, bytes.length - 9) : 0;
    const at = begin + random(bytes.length - begin - 8);
    const length = 1 + random(Math.min(64, bytes.length - at));
    const change = random(8);
    if (change === 0) bytes[at] = (bytes[at] as number) ^ (1 << random(8));
    else if (change === 1) bytes[at] = oneOf([0, 1, 0x7f, 0x80, 0xff, random(256)], random);
    else if (change === 2)
      bytes.writeInt32LE(oneOf([-1, 0, 0x7fffffff, -0x80000000, 1 << 30, random(1 << 20)], random), at);
    else if (change === 3)
      bytes.writeBigInt64LE(oneOf([-1n, 0n, 1n << 62n, 1n << 40n, 1n << 31n], random), at);
    else if (change === 4) bytes = bytes.subarray(0, at);
    else if (change === 5) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    else if (change === 6) {
      const to = random(bytes.length - 8);
      bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, at + length), bytes.subarray(to)]);
    } else bytes.copy(bytes, random(bytes.length - 8), at, at + length);
  }
  return bytes;
}

/** What stands where another value belongs in a JSON text. */
const VALUES = [
  ...[
    'null',
    'true',
    '0',
    '-1',
    '0.5',
    '1e400',
    '-1e400',
    '1e300',
    '9'.repeat(5000),
    '4294967296',
    '1152921504606846976',
  ],
  ...[
    '""',
    '"x"',
    '"\\ud800"',
    '"../../x"',
    '[]',
    '{}',
    '[[0]]',
    '[1,2]',
    '{"x":1}',
    'NaN',
    'Infinity',
    '[null]',
  ],
  ...[
    '['.repeat(50_000),
    '{"a":'.repeat(50_000),
    `${'['.repeat(300)}${']'.repeat(300)}`,
    `[${'9,'.repeat(20_000)}9]`,
  ],
  ...['{"a":1,"a":2}', '{"__proto__":{"x":1}}', '{"constructor":1}', '"\u0000"', `"${'x'.repeat(100_000)}"`],
];

/** A text with a mistake of one kind or another: a value in another's place, a key twice, a byte order mark, an end too early. */
export function mutateJson(text: string, random: Random): Buffer {
  const change = random(10);
  if (change === 0) return mutateBytes(Buffer.from(text), random);
  if (change === 1)
    return Buffer.concat([
      oneOf([Buffer.from('\ufeff'), Buffer.from([0xff, 0xfe]), Buffer.from([0xff])], random),
      Buffer.from(text),
    ]);
  if (change === 2) return Buffer.from(text.slice(0, random(text.length)));
  if (change === 3) return Buffer.from(oneOf(VALUES, random));
  const places = [
    ...text.matchAll(
      /(?<=[:,[]\s*)("(?:[^"\\]|\\.)*"|-?[\d.]+|true|false|null|\[[^\][{}]*\]|\{[^\][{}]*\})/g,
    ),
  ];
  let result = text;
  for (let left = 1 + random(2); left > 0 && places.length > 0; left -= 1) {
    const place = oneOf(places, random);
    const { index } = place;
    const before = result.slice(0, index);
    if (result.slice(index, index + place[0].length) !== place[0]) break;
    result = `${before}${oneOf(VALUES, random)}${result.slice(index + place[0].length)}`;
  }
  return Buffer.from(result);
}
