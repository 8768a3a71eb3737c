import { isAscii } from 'node:buffer';

/** Unicode code points of UTF-8: its length as Python counts it. */
export function codePoints(text: Uint8Array): number {
  if (isAscii(text)) return text.length;
  let count = 0;
  // Every character has one byte that does not continue another.
  for (let i = 0; i < text.length; i++) if (((text[i] as number) & 0xc0) !== 0x80) count++;
  return count;
}
