import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MersenneTwister } from '../src/mersenne-twister.ts';
import { TextWindow } from '../src/sources/text-window.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'text-window-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('TextWindow', () => {
  it('shows every byte at its offset, however much is kept', async () => {
    const draw = new MersenneTwister(5);
    const content = Buffer.from(Array.from({ length: 5000 }, () => draw.interval(255)));
    const path = join(folder, 'bytes');
    writeFileSync(path, content);
    const handle = await open(path);
    for (const step of [1, 7, 64, 1000, 4999, 5000, 9000]) {
      const [start, end] = [draw.interval(1000), 4000 + draw.interval(1000)];
      const window = new TextWindow(handle, start, end, step);
      let crossed = 0;
      for (let added = -1; added !== 0; ) {
        const kept = draw.interval(2) === 0 ? window.bytes.length : draw.interval(window.bytes.length);
        added = await window.advance(window.bytes.length - kept);
        crossed += added;
        expect(window.bytes.length).toBe(kept + added);
        expect(window.bytes.equals(content.subarray(window.base, window.position))).toBe(true);
      }
      expect([crossed, window.position]).toEqual([end - start, end]);
    }
    await handle.close();
  });
});
