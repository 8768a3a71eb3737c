/** Rows with every kind of text, long and short; all columns in each row. */
export function awkwardRows(count: number): Record<string, unknown>[] {
  const texts = [
    '',
    'é',
    '😀',
    '\u2028\u2029',
    '\ufeffmark',
    '\u0000',
    '"\\/\b\n\r\t',
    '日本語',
    'x'.repeat(1 << 20),
  ];
  return Array.from({ length: count }, (_, i) => ({
    instruction: `${i} ${texts[i % 8]}`,
    output: i === 7 ? texts[8] : texts[(i * 3) % 8],
    note: i % 4 ? texts[(i * 5) % 8] : null,
    count: i - 20,
    share: i % 3 ? i / 7 : null,
    flag: i % 2 === 0,
  }));
}
