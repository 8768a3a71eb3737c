import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { awkwardRows } from './awkward-rows.ts';
import { PythonReference } from './python-reference.ts';

const reference = new PythonReference();
afterAll(async () => reference.close());

const program = fileURLToPath(new URL('mutate-columnar.ts', import.meta.url));
const COUNT = 700;

it('prepares or refuses each of 700 Parquet and Arrow files that are changed at random, in time and memory', {
  timeout: 120_000,
}, async (context) => {
  reference.require(context);
  const folder = mkdtempSync(path.join(tmpdir(), 'columnar-'));
  const rows = awkwardRows(40);
  const kinds = {
    rows: {},
    zstd: { compression: 'zstd', data_page_size: 300 },
    plain: { compression: 'none', use_dictionary: false },
    delta: {
      use_dictionary: false,
      column_encoding: { instruction: 'DELTA_BYTE_ARRAY', output: 'DELTA_LENGTH_BYTE_ARRAY' },
    },
  };
  for (const [name, parquet] of Object.entries(kinds).reverse()) {
    mkdirSync(path.join(folder, 'made'));
    await reference.run('write_arrow', { rows, folder: path.join(folder, 'made'), parquet });
    renameSync(path.join(folder, 'made/rows.parquet'), path.join(folder, `${name}.parquet`));
    for (const arrow of ['rows.arrow', 'rows.feather'])
      renameSync(path.join(folder, 'made', arrow), path.join(folder, arrow));
    rmSync(path.join(folder, 'made'), { recursive: true });
  }
  const ended = await promisify(execFile)(process.execPath, [program, '1', String(COUNT), folder], {
    timeout: 100_000,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 26,
  });
  rmSync(folder, { recursive: true });
  const { failures, prepared, refused, peak } = JSON.parse(ended.stdout) as Record<string, number> & {
    failures: string[];
  };
  expect(failures).toEqual([]);
  expect(Number(prepared) + Number(refused)).toBe(COUNT);
  // Changes that all break the file, or none, would try little.
  expect(Math.min(Number(prepared), Number(refused))).toBeGreaterThan(50);
  expect(peak).toBeLessThan(700e6);
});
