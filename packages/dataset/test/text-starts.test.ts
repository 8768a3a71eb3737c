import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DatasetSettings, prepareDataset, sourceFiles } from '../src/index.ts';
import { awkwardRows } from './awkward-rows.ts';
import { fault } from './fault.ts';
import { PythonReference } from './python-reference.ts';

const reference = new PythonReference();
afterAll(async () => reference.close());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'text-starts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const columns = { user: 'instruction', assistant: 'output' };
const MARK = '\ufeff';
const POINTER =
  'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32\nsize 14483498112\n';

const settings = (...names: string[]): DatasetSettings => ({
  source: { files: names.map(at) },
  columns,
  split: 'none',
});

describe('a byte order mark', () => {
  const rows = awkwardRows(40);
  const array = JSON.stringify(rows);
  const lines = rows.map((row) => JSON.stringify(row)).join('\n');
  const FORMS: Record<string, string | Buffer> = {
    'rows.json': MARK + array,
    'rows.jsonl': MARK + lines,
    'blank.jsonl': `${MARK}\r\n ${lines}`,
    'rows.json.gz': gzipSync(MARK + array),
    'rows.jsonl.gz': gzipSync(MARK + lines),
    'rows.json.zst': zstdCompressSync(MARK + array),
    'rows.jsonl.zst': zstdCompressSync(MARK + lines),
  };

  it('at the start of each of several files is no part of the text', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    for (const [name, content] of Object.entries(FORMS)) writeFileSync(at(name), content);
    writeFileSync(at('plain.json'), JSON.stringify(Object.keys(FORMS).flatMap(() => rows)));
    await prepareDataset(settings(...Object.keys(FORMS)), at('out'));
    const compared = { files: [at('plain.json')], output: at('out'), columns, split: 'none' };
    expect(await reference.run('compare', compared)).toEqual({});
  });

  it('does not move the places that messages name', async () => {
    const bad = '{"instruction": "q", "output": "a"}\n{"instruction": 5, "output": "a"}';
    writeFileSync(at('rows.jsonl'), MARK + bad);
    expect(await fault(prepareDataset(settings('rows.jsonl'), at('a')))).toMatch(/row 1 .*, byte 55: column/);
    writeFileSync(at('rows.gz'), gzipSync(MARK + bad));
    expect(await fault(prepareDataset(settings('rows.gz'), at('b')))).toMatch(/decompressed text 55: column/);
  });

  it('alone is an empty file, and between rows is named', async () => {
    writeFileSync(at('rows.jsonl'), MARK);
    expect(await fault(prepareDataset(settings('rows.jsonl'), at('a')))).toMatch(/the file is empty/);
    const row = '{"instruction": "q", "output": "a"}';
    writeFileSync(at('rows.jsonl'), `${MARK}${row}\n${MARK}${row}`);
    expect(await fault(prepareDataset(settings('rows.jsonl'), at('b')))).toMatch(/row 1 .*byte order mark/s);
  });

  it('is no part of the state of a folder of save_to_disk', { timeout: 60_000 }, async (context) => {
    reference.require(context);
    await reference.run('write_arrow', { rows, folder });
    // Only state.json says which shard comes first.
    const state = { _data_files: [{ filename: 'data-00001-of-00002.arrow' }] };
    writeFileSync(at('saved/state.json'), MARK + JSON.stringify(state));
    expect(await sourceFiles([at('saved')])).toEqual([at('saved/data-00001-of-00002.arrow')]);
    writeFileSync(at('saved/state.json'), POINTER);
    expect(await fault(sourceFiles([at('saved')]))).toMatch(/state\.json: this is a pointer of Git LFS/);
  });
});

describe('another encoding', () => {
  const text = '[{"instruction": "q", "output": "a"}]';
  const swapped = (bytes: Buffer) => Buffer.from(bytes).swap16();
  const utf32 = Buffer.from(Uint32Array.from([...text].map((c) => c.codePointAt(0) ?? 0)).buffer);
  it.each([
    ['UTF-16', Buffer.from(MARK + text, 'utf16le')],
    ['UTF-16', swapped(Buffer.from(MARK + text, 'utf16le'))],
    ['UTF-16', Buffer.from(text, 'utf16le')],
    ['UTF-16', swapped(Buffer.from(text, 'utf16le'))],
    ['UTF-32', utf32],
    ['UTF-32', Buffer.concat([Buffer.from([0xff, 0xfe, 0, 0]), utf32])],
  ])('is named: %s', async (encoding, content) => {
    for (const [name, bytes] of [
      ['rows.json', content],
      ['rows.json.gz', gzipSync(content)],
      ['rows.jsonl.zst', zstdCompressSync(content)],
    ] as const) {
      writeFileSync(at(name), bytes);
      const message = await fault(prepareDataset(settings(name), mkdtempSync(at('out-'))));
      expect(message).toMatch(new RegExp(`the file is in ${encoding}.*\\n.*Save it as UTF-8`));
    }
  });
});

describe('a pointer of Git LFS', () => {
  it.each([
    'rows.json',
    'rows.jsonl',
    'rows.csv',
    'rows.parquet',
    'rows.arrow',
    'rows.json.gz',
    'rows.zst',
    'rows',
  ])('is named instead of %s, alone and among others', async (name) => {
    writeFileSync(at('good.json'), '[{"instruction": "q", "output": "a"}]');
    writeFileSync(at(name), POINTER);
    for (const files of [[name], ['good.json', name]]) {
      const message = await fault(prepareDataset(settings(...files), mkdtempSync(at('out-'))));
      expect(message).toContain(`${at(name)}: this is a pointer of Git LFS, not the file itself`);
      expect(message).toContain('lfs: true');
    }
  });

  it('is named in a folder', async () => {
    mkdirSync(at('data'));
    writeFileSync(at('data/a.parquet'), POINTER);
    const files = await sourceFiles([at('data')]);
    expect(await fault(prepareDataset({ ...settings(), source: { files } }, at('out')))).toMatch(/Git LFS/);
  });
});
