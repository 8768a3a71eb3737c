/** What a cell holds, as bits, so that a column's kinds add up to a mask. */
export const CellKind = {
  string: 1,
  integer: 2,
  float: 4,
  boolean: 8,
  null: 16,
  object: 32,
  list: 64,
} as const;

/**
 * Arrow type of a column; `null` is a column without a single value, `messages` a list of `{"role", "content"}`.
 */
export type ColumnType = 'string' | 'int64' | 'float64' | 'bool' | 'null' | 'messages';

export interface Column {
  name: string;
  type: ColumnType;
  /** Whether it stands in the prepared data; otherwise it is only read for the messages or the split. */
  kept: boolean;
}

/** Which columns are looked at, and what for. */
export interface ColumnRoles {
  /** Columns that hold text in every row. */
  text: readonly string[];
  /** A column that holds a list of messages in every row. */
  messages?: string | undefined;
  /** A column whose value says which rows stay together; every row has one. */
  group?: string | undefined;
  /** Columns of the prepared data beside the messages; undefined keeps all. */
  keep?: readonly string[] | undefined;
}

/** Names that the prepared frame adds to the source's columns. */
export const MESSAGES_COLUMN = 'messages';
export const INDEX_COLUMN = '__index_level_0__';

/** More columns than this means that keys carry data; each costs memory for as long as the run lasts. */
const MAX_COLUMNS = 4096;

/** What is wrong with a cell or a row; the source that met it adds file, row and offset. */
export class RowFault extends Error {
  override readonly name = 'RowFault';
  /** Byte offset in the buffer at hand, where known. */
  readonly at: number | undefined;
  readonly hint: string;

  constructor(message: string, hint: string, at?: number) {
    super(message);
    this.hint = hint;
    this.at = at;
  }
}

interface ColumnState {
  name: string;
  key: Buffer;
  kinds: number;
  /** Where each kind was first met, for the message about a mixture. */
  firstSeen: Map<number, string>;
  /** What it is for; a column that is left out is not looked at. */
  role: 'text' | 'messages' | 'group' | 'kept' | 'left out';
  /** Number of the last row pass that met this column. */
  stamp: number;
}

/**
 * Columns in the order in which rows first show them, as pandas orders them, with the kinds of cells seen.
 *
 * A source calls `beginFile`, and for each row `beginRow`, `cell` for each cell, `endRow`. It may begin a row again.
 */
export class ColumnTable {
  readonly #columns: ColumnState[] = [];
  readonly #byName = new Map<string, number>();
  readonly #roles: ColumnRoles;
  readonly #required: readonly string[];
  #stamp = 0;
  #file = '';
  #row = 0;
  #last = -1;

  constructor(roles: ColumnRoles) {
    this.#roles = roles;
    this.#required = [...roles.text, roles.messages, roles.group].filter((name) => name !== undefined);
  }

  beginFile(path: string): void {
    this.#file = path;
  }

  /** @param row number within the file, from 0 */
  beginRow(row: number): void {
    this.#stamp++;
    this.#row = row;
    this.#last = -1;
  }

  /**
   * Column of a JSON key, given as the bytes between its quotes. Rows mostly repeat one order of keys, so the column
   * after the last one is tried before the name is decoded.
   */
  columnOfKey(buffer: Buffer, start: number, end: number): number {
    const guess = this.#columns[this.#last + 1];
    if (guess && sameBytes(guess.key, buffer, start, end)) return ++this.#last;
    const raw = buffer.toString('utf8', start, end);
    const name = raw.includes('\\') ? decodeKey(buffer, start, end) : raw;
    this.#last = this.column(name, Buffer.from(buffer.subarray(start, end)));
    return this.#last;
  }

  /** Column of a name; a name not seen before is added. */
  column(name: string, key: Buffer = Buffer.from(name)): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const role = this.#roleOf(name);
    const added = name === MESSAGES_COLUMN || name === INDEX_COLUMN;
    if (added && role !== 'messages' && role !== 'left out') {
      throw new RowFault(
        `column "${name}" is already there; the prepared data adds a column of that name`,
        name === MESSAGES_COLUMN
          ? 'To train on the messages that are there, write "columns: { messages: messages }"; or leave the column out with keep_columns.'
          : 'Leave it out with keep_columns, or rename it in the source.',
      );
    }
    if (this.#columns.length === MAX_COLUMNS) {
      throw new RowFault(
        `more than ${MAX_COLUMNS} different keys: "${name}" is one more`,
        'Keys name columns; move data that varies from row to row into values.',
      );
    }
    this.#byName.set(name, this.#columns.length);
    this.#columns.push({ name, key, kinds: 0, firstSeen: new Map(), role, stamp: 0 });
    return this.#columns.length - 1;
  }

  /** Whether a column of this name is looked at at all. */
  isRead(name: string): boolean {
    return this.#roleOf(name) !== 'left out';
  }

  #roleOf(name: string): ColumnState['role'] {
    if (name === this.#roles.messages) return 'messages';
    if (this.#roles.text.includes(name)) return 'text';
    if (name === this.#roles.group) return 'group';
    return (this.#roles.keep?.includes(name) ?? true) ? 'kept' : 'left out';
  }

  /** Note a cell of the row at hand. @throws RowFault when it does not fit what the column held before */
  cell(index: number, kind: number): void {
    const column = this.#columns[index] as ColumnState;
    if (column.stamp === this.#stamp) {
      throw new RowFault(`key "${column.name}" stands twice in the row`, 'Keep one of the two.');
    }
    column.stamp = this.#stamp;
    if (column.role === 'left out' || (column.kinds & kind) !== 0) return;
    if (column.role === 'text' && kind !== CellKind.string) {
      throw new RowFault(
        `column "${column.name}" holds ${KIND_NAMES.get(kind)}; it must be text`,
        'Write the value as a string, or drop the row.',
      );
    }
    if (column.role === 'messages' && kind !== CellKind.list) {
      throw new RowFault(
        `column "${column.name}" holds ${KIND_NAMES.get(kind)}; it must be a list of messages`,
        'Write [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}], or drop the row.',
      );
    }
    if (column.role === 'group' && kind === CellKind.null) {
      throw new RowFault(
        `column "${column.name}", by which the data is split, holds null`,
        'Give the row a value there, or drop the row.',
      );
    }
    if (column.role !== 'messages' && (kind === CellKind.object || kind === CellKind.list)) {
      throw new RowFault(
        `found ${KIND_NAMES.get(kind)} as a value of "${column.name}"; a column holds text, numbers, true, false and null`,
        'Write the value as a string, or leave the column out with keep_columns.',
      );
    }
    const values = (column.kinds | kind) & ~CellKind.null;
    if (!PURE_KINDS.has(values)) {
      const [otherKind, otherPlace] = [...column.firstSeen].find(([seen]) => seen !== CellKind.null) as [
        number,
        string,
      ];
      throw new RowFault(
        `column "${column.name}" holds ${KIND_NAMES.get(kind)}, but ${KIND_NAMES.get(otherKind)} in ${otherPlace}`,
        'A column has one type: write all its values alike, as strings if in doubt.',
      );
    }
    column.kinds |= kind;
    column.firstSeen.set(kind, `row ${this.#row} of ${this.#file}`);
  }

  /** @throws RowFault when the row lacks a required column */
  endRow(): void {
    for (const name of this.#required) {
      const index = this.#byName.get(name);
      if (index !== undefined && this.#columns[index]?.stamp === this.#stamp) continue;
      const present = this.#columns
        .filter((column) => column.stamp === this.#stamp)
        .map(({ name }) => `"${name}"`);
      throw new RowFault(
        `column "${name}" is missing; the row has ${present.length > 0 ? listed(present) : 'no keys at all'}`,
        'Correct "columns" in the recipe, or add the key to the row.',
      );
    }
  }

  /**
   * Columns that are read, with the types that hold all their cells.
   *
   * @throws RowFault when a column to keep is in no row
   */
  resolved(): Column[] {
    for (const name of this.#roles.keep ?? []) {
      if (this.#byName.has(name)) continue;
      const names = this.#columns.map((column) => `"${column.name}"`);
      throw new RowFault(
        `keep_columns names "${name}", which is in no row; there are ${listed(names)}`,
        'Correct keep_columns.',
      );
    }
    return this.#columns.flatMap(({ name, kinds, role }) =>
      role === 'left out'
        ? []
        : [
            {
              name,
              type: columnType(kinds & ~CellKind.null),
              kept: role !== 'messages' && (this.#roles.keep?.includes(name) ?? true),
            },
          ],
    );
  }
}

/** `a, b, c`, cut after the first twenty. */
function listed(names: readonly string[]): string {
  return names.length <= 20
    ? names.join(', ')
    : `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`;
}

const KIND_NAMES = new Map<number, string>([
  [CellKind.string, 'text'],
  [CellKind.integer, 'an integer'],
  [CellKind.float, 'a number with a fraction'],
  [CellKind.boolean, 'true or false'],
  [CellKind.null, 'null'],
  [CellKind.object, 'an object'],
  [CellKind.list, 'a list'],
]);

const PURE_KINDS = new Set<number>([
  0,
  CellKind.string,
  CellKind.integer,
  CellKind.float,
  CellKind.integer | CellKind.float,
  CellKind.boolean,
  CellKind.list,
]);

function columnType(kinds: number): ColumnType {
  if (kinds === 0) return 'null';
  if (kinds === CellKind.string) return 'string';
  if (kinds === CellKind.boolean) return 'bool';
  if (kinds === CellKind.list) return 'messages';
  return kinds === CellKind.integer ? 'int64' : 'float64';
}

function sameBytes(key: Buffer, buffer: Buffer, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0; i < key.length; i++) if (key[i] !== buffer[start + i]) return false;
  return true;
}

function decodeKey(buffer: Buffer, start: number, end: number): string {
  const literal = buffer.toString('utf8', start - 1, end + 1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    throw new RowFault(`key ${literal} has an escape that JSON does not know`, 'Correct the key.', start);
  }
}
