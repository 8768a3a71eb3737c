/** Unicode code points of well-formed text: its length as Python counts it. */
export function codePoints(text: string): number {
  let count = text.length;
  // A search by native code; most texts end here.
  if (!HIGH_SURROGATE.test(text)) return count;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) count--;
  }
  return count;
}

const HIGH_SURROGATE = /[\ud800-\udbff]/;
