// The least that preparing can take: reads a file from its start to its end, then writes so many bytes, one after the
// other, with nothing done in between, and flushes them to the disk.
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';

const BLOCK_BYTES = 1 << 20;

const [source, bytes, target] = process.argv.slice(2);
if (!source || !target || !bytes) throw new Error('usage: disk-floor.ts SOURCE BYTES TARGET');
const block = Buffer.alloc(BLOCK_BYTES);

const input = openSync(source, 'r');
while (readSync(input, block) > 0);
closeSync(input);

const output = openSync(target, 'wx');
for (let left = Number(bytes); left > 0; ) left -= writeSync(output, block, 0, Math.min(left, BLOCK_BYTES));
fsyncSync(output);
closeSync(output);
