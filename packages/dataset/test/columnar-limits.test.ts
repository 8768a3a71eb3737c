import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Table, tableToIPC, vectorFromArray } from 'apache-arrow';
import type { PageHeader } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareDataset, sourceFiles } from '../src/index.ts';
import { checkedPage, lacksValue, MOST_PAGE_VALUES } from '../src/sources/parquet-limits.ts';
import { fault } from './fault.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'limits-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Rows in an Arrow stream or file, with numbers of 4 bytes replaced wherever they are. */
function arrowFile(format: 'stream' | 'file', replaced: [from: number[], to: number[]][]): string {
  const columns = {
    instruction: vectorFromArray(['first question', 'second question one', 'third']),
    output: vectorFromArray(['An answer. [RESULT] 1', 'Another. [RESULT] 2', 'More. [RESULT] 3']),
  };
  let bytes = Buffer.from(tableToIPC(new Table(columns), format));
  for (const [from, to] of replaced) {
    const [wanted, given] = [from, to].map((numbers) => Buffer.from(Int32Array.from(numbers).buffer)) as [
      Buffer,
      Buffer,
    ];
    const at = bytes.indexOf(wanted);
    expect(at, `${from} in the file`).toBeGreaterThan(0);
    bytes = Buffer.concat([bytes.subarray(0, at), given, bytes.subarray(at + wanted.length)]);
  }
  const file = path.join(folder, 'rows.arrow');
  writeFileSync(file, bytes);
  return file;
}

const SETTINGS = {
  columns: { user: 'instruction', assistant: 'output' },
  split: { test_size: 1, seed: 0 },
} as const;
const prepared = (file: string) =>
  prepareDataset({ source: { files: [file] }, ...SETTINGS }, path.join(folder, 'out'));

describe('an Arrow file whose lengths lie', () => {
  // Offsets of the texts of the column output: 21, 19 and 16 bytes.
  const OFFSETS = [0, 21, 40, 56];
  it.each([
    ['beyond its bytes', [0, 21, 40, 5_000_000], /column "output": row 3 of the batch begins at 5000000/],
    ['backwards', [0, 40, 21, 56], /column "output": row 2 of the batch begins at 21, after 40/],
    ['below 0', [-4, 21, 40, 56], /column "output": row 0 of the batch begins at -4/],
  ])('is refused where a text is %s', async (_, offsets, problem) => {
    const file = arrowFile('stream', [[OFFSETS, offsets]]);
    expect(await fault(prepared(file))).toMatch(problem);
  });

  it('is read where they are right', async () => {
    await prepared(arrowFile('stream', []));
    expect(readFileSync(path.join(folder, 'out/train/state.json'), 'utf8')).toContain('data-00000');
  });

  it('is refused, and not looped over, where a batch claims more values than it has bytes', async () => {
    // Number and nulls of both columns' values, as the message has them: numbers of 8 bytes.
    const file = arrowFile('stream', [
      [
        [3, 0, 0, 0, 3, 0, 0, 0],
        [3, 2 ** 20, 0, 0, 3, 0, 0, 0],
      ],
    ]);
    expect(await fault(prepared(file))).toMatch(
      /record batch 0 can't be read: it claims 4503599627370499 values/,
    );
  });
});

describe('a page of Parquet whose claims can not be right', () => {
  const schemaPath = [
    { children: [], count: 1, element: { name: 'root', repetition_type: 'REQUIRED' }, path: [] },
    {
      children: [],
      count: 1,
      element: { name: 'a', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
      path: ['a'],
    },
  ];
  const decoder = {
    pathInSchema: ['a'],
    type: 'BYTE_ARRAY',
    element: schemaPath[1]?.element,
    schemaPath,
    codec: 'UNCOMPRESSED',
  };
  const check = (payload: number[], values: number, encoding = 'PLAIN', size = payload.length) => {
    const page = {
      num_values: values,
      encoding,
      definition_level_encoding: 'RLE',
      repetition_level_encoding: 'RLE',
    };
    const header = {
      type: 'DATA_PAGE',
      uncompressed_page_size: size,
      compressed_page_size: payload.length,
      data_page_header: page,
    };
    return () => checkedPage(Uint8Array.from(payload), header as PageHeader, decoder as never);
  };
  /** Levels of `count` values that are there, in one run. */
  const levels = [2, 0, 0, 0, 4 << 1, 1];

  it('is refused by the number of its values, and of bytes', () => {
    expect(check(levels, MOST_PAGE_VALUES + 1)).toThrow(`a page claims ${MOST_PAGE_VALUES + 1} values`);
    expect(check(levels, -1)).toThrow('a page claims -1 values');
    expect(check(levels, 4, 'PLAIN', 2 ** 31 - 1)).toThrow('a page claims 2147483647 bytes');
  });

  it('is refused where a run is longer than the page, of levels or of places in the dictionary', () => {
    const endless = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    expect(check([6, 0, 0, 0, ...endless, 1], 4)).toThrow(/a run of 2147483647 values, in a page of 4/);
    expect(check([...levels, 2, ...endless, 1], 4, 'RLE_DICTIONARY')).toThrow(/a run of 2147483647 values/);
    expect(check([...levels, 77], 4, 'RLE_DICTIONARY')).toThrow('places in a dictionary of 77 bits');
    expect(check([200, 0, 0, 0, 8, 1], 4)).toThrow('the levels of a page are longer than it is');
  });

  it('is read where it is right', () => {
    expect(check([...levels, 2, 4 << 1, 1], 4, 'RLE_DICTIONARY')().payload).toHaveLength(9);
  });

  it('tells a value that a dictionary lacks from a null', () => {
    expect(lacksValue(['a', null, [['b'], []]])).toBe(false);
    expect(lacksValue(['a', undefined])).toBe(true);
    expect(lacksValue(['a', [['b', undefined]]])).toBe(true);
  });
});

describe('a folder of save_to_disk whose lists are none', () => {
  it.each([
    ['state.json', '{"_data_files": "rows.arrow"}', /state.json: _data_files is not the list of names/],
    ['state.json', '{"_data_files": [7]}', /_data_files is not the list/],
    ['state.json', '{"_data_files": [{"filename": ["x"]}]}', /_data_files is not the list/],
    ['state.json', '{"_data_files": [{"filename": "a\\u0000b"}]}', /_data_files is not the list/],
    ['state.json', 'null', /the folder holds no data files/],
    ['dataset_dict.json', '{"splits": "train"}', /dataset_dict.json: splits is not the list of names/],
    ['dataset_dict.json', '[]', /splits is not the list of names/],
    ['dataset_dict.json', `${'['.repeat(200)}${']'.repeat(200)}`, /more than 64 deep/],
  ])('is refused by name: %s', async (name, content, problem) => {
    writeFileSync(path.join(folder, name), content);
    expect(await fault(sourceFiles([folder]))).toMatch(problem);
  });
});
