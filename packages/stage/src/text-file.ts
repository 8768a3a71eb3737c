import { isUtf8 } from 'node:buffer';
import { readFile, statFile } from './confined-files.ts';
import { ConfigurationError } from './errors.ts';
import { MOST_JSON_BYTES, parseLimitedJson } from './limited-json.ts';

/** Why a file is not text in UTF-8, and what to do about it. */
export interface TextFault {
  problem: string;
  hint: string;
  /** Line of the place, from 1, where there is one. */
  line?: number;
}

/** Some editors and spreadsheets put it at the start of a text in UTF-8. It is no part of the text. */
export const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Bytes of a file's start in which {@link foreignStart} finds all that it looks for. */
export const START_BYTES = 64;

/**
 * The value of a JSON file in UTF-8, with or without a byte order mark.
 *
 * @throws ConfigurationError for a pointer of Git LFS, another encoding, what is not JSON or too large for it; Node's error
 *   where it can't be read
 */
export function readJsonFile(file: string): unknown {
  const info = statFile(file);
  const problem =
    info && !info.isFile()
      ? 'this is not a file'
      : info &&
        info.size > MOST_JSON_BYTES &&
        `${info.size} bytes, and a file of JSON has at most ${MOST_JSON_BYTES}`;
  if (problem) throw new ConfigurationError(problem, { hint: 'Name the file itself.', place: { file } });
  const bytes = readFile(file);
  const fault = textFault(bytes);
  if (fault) {
    const { problem, hint, line } = fault;
    throw new ConfigurationError(problem, { hint, place: { file, line } });
  }
  try {
    return parseLimitedJson(bytes, withoutMark(bytes.toString()));
  } catch (error) {
    // Not the parser's message, which quotes the file: it may be one that nobody meant to show.
    const problem = error instanceof RangeError ? error.message : 'the file is not JSON';
    throw new ConfigurationError(problem, {
      hint: 'Correct it, or write it again.',
      place: { file },
      cause: error,
    });
  }
}

/** A text without the byte order mark at its start. */
export function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** What keeps bytes from being text in UTF-8; undefined where nothing does. */
export function textFault(bytes: Buffer): TextFault | undefined {
  const foreign = foreignStart(bytes);
  if (foreign || isUtf8(bytes)) return foreign;
  const bad = firstInvalidByte(bytes, 0, bytes.length);
  const line = bytes
    .subarray(0, bad)
    .toString('latin1')
    .split(/\r\n|\n|\r/).length;
  return { problem: `${byteName(bytes, bad)} is not valid UTF-8`, hint: 'Save the file as UTF-8.', line };
}

/** What the first {@link START_BYTES} of a file show to be no text in UTF-8; undefined where they show nothing. */
export function foreignStart(start: Uint8Array): TextFault | undefined {
  if (isLfsPointer(start)) return LFS_FAULT;
  for (const [encoding, mark] of FOREIGN_MARKS) {
    if (!startsWith(start, mark)) continue;
    const bytes = mark.map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(' ');
    return {
      problem: `the file is in ${encoding}: it starts with the byte order mark ${bytes}`,
      hint: SAVE_AS_UTF8,
    };
  }
  const encoding = unmarkedEncoding(start);
  return encoding === undefined
    ? undefined
    : { problem: `the file is in ${encoding}, by the zero bytes at its start`, hint: SAVE_AS_UTF8 };
}

/** Whether a file is what a checkout without Git LFS has instead of the content. */
export function isLfsPointer(start: Uint8Array): boolean {
  return startsWith(start, LFS_POINTER);
}

export const LFS_FAULT: TextFault = {
  problem: 'this is a pointer of Git LFS, not the file itself',
  hint: 'Fetch the file with git lfs pull; in a workflow, give actions/checkout the input lfs: true.',
};

/** Offset of the first byte of `[start, end)` at which valid UTF-8 stops. */
export function firstInvalidByte(buffer: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const lead = buffer[at] as number;
    if (lead < 0x80) {
      at++;
      continue;
    }
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (!isUtf8(buffer.subarray(at, Math.min(end, at + length)))) return at;
    at += length;
  }
  return end;
}

/** `byte 0xff`, for messages. */
export function byteName(buffer: Buffer, at: number): string {
  return `byte 0x${(buffer[at] as number).toString(16).padStart(2, '0')}`;
}

/** How every pointer starts: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
const LFS_POINTER = [...Buffer.from('version https://git-lfs.github.com/spec/v1')];

/** The longer marks first: that of UTF-16 begins one of UTF-32. */
const FOREIGN_MARKS: readonly (readonly [encoding: string, mark: readonly number[]])[] = [
  ['UTF-32', [0xff, 0xfe, 0, 0]],
  ['UTF-32', [0, 0, 0xfe, 0xff]],
  ['UTF-16', [0xff, 0xfe]],
  ['UTF-16', [0xfe, 0xff]],
];

const SAVE_AS_UTF8 = 'Save it as UTF-8.';

/** JSON and YAML start with a character of ASCII, of which other encodings show the zero bytes. */
function unmarkedEncoding([a, b, c, d]: Uint8Array): string | undefined {
  if (a === undefined || b === undefined || (a === 0) === (b === 0)) {
    return a === 0 && b === 0 && c === 0 && d !== undefined && d !== 0 ? 'UTF-32' : undefined;
  }
  return a !== 0 && c === 0 && d === 0 ? 'UTF-32' : 'UTF-16';
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, at) => bytes[at] === byte);
}
