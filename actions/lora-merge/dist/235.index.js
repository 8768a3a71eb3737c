export const id = 235;
export const ids = [235];
export const modules = {

/***/ 4235:
/***/ ((__unused_webpack_module, __webpack_exports__, __webpack_require__) => {

// ESM COMPAT FLAG
__webpack_require__.r(__webpack_exports__);

// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  spoolParquet: () => (/* binding */ spoolParquet)
});

// EXTERNAL MODULE: ./packages/stage/src/confined-files.ts + 1 modules
var confined_files = __webpack_require__(8299);
// EXTERNAL MODULE: ./packages/stage/src/errors.ts
var errors = __webpack_require__(6499);
// EXTERNAL MODULE: ./node_modules/hyparquet/src/metadata.js + 1 modules
var src_metadata = __webpack_require__(6367);
// EXTERNAL MODULE: ./packages/dataset/src/column-table.ts
var column_table = __webpack_require__(5581);
// EXTERNAL MODULE: external "node:buffer"
var external_node_buffer_ = __webpack_require__(4573);
// EXTERNAL MODULE: external "node:zlib"
var external_node_zlib_ = __webpack_require__(8522);
// EXTERNAL MODULE: ./node_modules/hyparquet/src/assemble.js + 1 modules
var assemble = __webpack_require__(5573);
// EXTERNAL MODULE: ./node_modules/hyparquet/src/column.js
var column = __webpack_require__(6167);
// EXTERNAL MODULE: ./node_modules/hyparquet/src/convert.js + 1 modules
var convert = __webpack_require__(9234);
// EXTERNAL MODULE: ./node_modules/hyparquet-compressors/src/index.js + 16 modules
var src = __webpack_require__(138);
// EXTERNAL MODULE: ./node_modules/hyparquet/src/datapage.js + 2 modules
var datapage = __webpack_require__(573);
// EXTERNAL MODULE: ./node_modules/hyparquet/src/delta.js
var delta = __webpack_require__(8499);
// EXTERNAL MODULE: ./node_modules/hyparquet/src/schema.js
var schema = __webpack_require__(8286);
// EXTERNAL MODULE: ./node_modules/hyparquet/src/thrift.js
var thrift = __webpack_require__(2558);
;// CONCATENATED MODULE: ./packages/dataset/src/sources/parquet-limits.ts




/** Of a page, unpacked: writers end a page at 1 MB, but for a single value that is larger. */
const MOST_PAGE_BYTES = 1 << 28;
/** Of a page: a run of equal values takes a few bytes, however many they are. Writers' row groups have a million rows. */
const MOST_PAGE_VALUES = 1 << 24;
/**
 * A data page, unpacked, whose claims of lengths hold: the library believes them, and a run of two billion values, or texts
 * that each repeat the one before, would fill the memory from a few bytes.
 *
 * @returns bytes and header for the library to read, as of a page that is not compressed
 * @throws Error for a claim that can't be right
 */
function checkedPage(payload, header, decoder) {
    const size = Number(header.uncompressed_page_size);
    if (!(size >= 0 && size <= MOST_PAGE_BYTES))
        throw new Error(`a page claims ${size} bytes`);
    const { data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: dictionary } = header;
    const values = Number((header.type === 'DICTIONARY_PAGE' ? dictionary : (v1 ?? v2))?.num_values);
    if (!(values >= 0 && values <= MOST_PAGE_VALUES))
        throw new Error(`a page claims ${values} values`);
    const levels = [
        (0,schema/* getMaxRepetitionLevel */.qt)(decoder.schemaPath),
        (0,schema/* getMaxDefinitionLevel */.mM)(decoder.schemaPath),
    ];
    if (header.type === 'DATA_PAGE_V2' && v2) {
        const sizes = [
            Number(v2.repetition_levels_byte_length ?? 0),
            Number(v2.definition_levels_byte_length),
        ];
        const [repetition, definition] = sizes;
        const start = repetition + definition;
        if (!(repetition >= 0 && definition >= 0 && start <= Math.min(payload.length, size)))
            throw new Error('the levels of a page are longer than it is');
        if (levels[0])
            checkRuns(readerOf(payload), 0, repetition, levels[0], values);
        if (levels[1])
            checkRuns(readerOf(payload), repetition, start, levels[1], values);
        const packed = v2.is_compressed !== false && decoder.codec !== 'UNCOMPRESSED';
        const rest = payload.subarray(start);
        const data = packed ? (0,datapage/* decompressPage */.tC)(rest, size - start, decoder.codec, decoder.compressors) : rest;
        checkData(readerOf(data), v2.encoding, decoder, values);
        const whole = Buffer.concat([payload.subarray(0, start), data]);
        return {
            payload: whole,
            header: {
                ...header,
                ...{ compressed_page_size: whole.length, uncompressed_page_size: whole.length },
                data_page_header_v2: { ...v2, is_compressed: false },
            },
        };
    }
    const page = (0,datapage/* decompressPage */.tC)(payload, size, decoder.codec, decoder.compressors);
    if (header.type === 'DATA_PAGE' && v1) {
        const reader = readerOf(page);
        for (const level of levels)
            if (level)
                checkPrefixedRuns(reader, level, values);
        checkData(reader, v1.encoding, decoder, values);
    }
    return { payload: page, header: { ...header, compressed_page_size: page.length } };
}
/** Whether a value is missing, at any depth: of a dictionary that does not have it, the library gives nothing. */
function lacksValue(values) {
    for (let i = 0; i < values.length; i += 1) {
        const value = values[i];
        if (value === undefined || (Array.isArray(value) && lacksValue(value)))
            return true;
    }
    return false;
}
/** What follows the levels. */
function checkData(reader, encoding, { type }, values) {
    if (encoding === 'RLE' && type === 'BOOLEAN')
        checkPrefixedRuns(reader, 1, values);
    else if (encoding === 'PLAIN_DICTIONARY' || encoding === 'RLE_DICTIONARY') {
        if (reader.offset >= reader.view.byteLength)
            return;
        const width = reader.view.getUint8(reader.offset);
        if (width > 32)
            throw new Error(`places in a dictionary of ${width} bits`);
        if (width > 0)
            checkRuns(reader, reader.offset + 1, reader.view.byteLength, 2 ** width - 1, values);
    }
    else if (encoding === 'DELTA_BYTE_ARRAY' && reader.offset < reader.view.byteLength) {
        const start = reader.offset;
        const [, , count = 0] = [(0,thrift/* readVarInt */.pT)(reader), (0,thrift/* readVarInt */.pT)(reader), (0,thrift/* readVarInt */.pT)(reader)];
        if (!(count >= 0 && count <= values))
            throw new Error(`${count} texts, in a page of ${values} values`);
        const shared = new Int32Array(count);
        (0,delta/* deltaBinaryUnpack */._H)({ ...reader, offset: start }, count, shared);
        const repeated = shared.reduce((sum, length) => sum + length, 0);
        if (repeated > MOST_PAGE_BYTES)
            throw new Error(`a page claims texts that repeat ${repeated} bytes`);
    }
}
/** Levels of a page of version 1, whose length is before them. */
function checkPrefixedRuns(reader, highest, values) {
    const length = reader.view.getUint32(reader.offset, true);
    const start = reader.offset + 4;
    if (start + length > reader.view.byteLength)
        throw new Error('the levels of a page are longer than it is');
    checkRuns(reader, start, start + length, highest, values);
    reader.offset = start + length;
}
/** Runs of equal values are not longer than the page. Values one by one have bytes of their own, whose end is noticed. */
function checkRuns({ view }, start, end, highest, values) {
    const width = Math.ceil(Math.log2(highest + 1));
    const reader = { view, offset: start };
    for (let seen = 0; seen < values && reader.offset < end;) {
        const run = (0,thrift/* readVarInt */.pT)(reader);
        const count = run & 1 ? (run >>> 1) * 8 : run >>> 1;
        if ((run & 1 ? count - 8 : count) > values - seen)
            throw new Error(`a run of ${count} values, in a page of ${values}`);
        reader.offset += run & 1 ? (count / 8) * width : (width + 7) >> 3;
        seen += count;
    }
}
function readerOf(bytes) {
    return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
}

;// CONCATENATED MODULE: ./packages/dataset/src/sources/parquet-pages.ts







/** Decompressors by Parquet's name of the codec; those that Node has are its own, in native code. */
const PAGE_CODECS = {
    UNCOMPRESSED: (input) => input,
    SNAPPY: src/* decompressSnappy */.Lv,
    GZIP: (input, length) => (0,external_node_zlib_.gunzipSync)(input, { maxOutputLength: Math.max(length, 1) }),
    ZSTD: (input, length) => (0,external_node_zlib_.zstdDecompressSync)(input, { maxOutputLength: Math.max(length, 1) }),
    BROTLI: (input, length) => (0,external_node_zlib_.brotliDecompressSync)(input, { maxOutputLength: Math.max(length, 1) }),
    LZ4: src/* decompressLz4 */.yk,
    LZ4_RAW: src/* decompressLz4Raw */.SF,
};
/**
 * The pages of one column chunk, decoded one at a time, so that a row group of any size needs a page a column.
 *
 * Text is decoded strictly: a value that is not UTF-8 comes out as its bytes.
 */
class ColumnPages {
    #handle;
    #metadata;
    #decoder;
    #end;
    #position;
    #dictionary;
    #nested;
    /** The last row of a nested column: the next page may go on with it. */
    #held = [];
    /**
     * @param schemaPath the schema's elements from the root to this column
     * @param size bytes of the file, in which the column must be
     */
    constructor(handle, metadata, schemaPath, size) {
        this.#handle = handle;
        this.#metadata = metadata;
        const first = Number(metadata.dictionary_page_offset || metadata.data_page_offset);
        this.#position = first;
        this.#end = first + Number(metadata.total_compressed_size);
        if (!(first >= 0 && this.#end >= first && this.#end <= size)) {
            throw new Error(`it claims the bytes ${first} to ${this.#end} of a file of ${size}`);
        }
        this.#nested = schemaPath.length > 2;
        this.#decoder = {
            pathInSchema: metadata.path_in_schema,
            type: metadata.type,
            element: schemaPath.at(-1).element,
            schemaPath,
            codec: metadata.codec,
            parsers: PARSERS,
            compressors: PAGE_CODECS,
        };
    }
    /**
     * Values of the next rows: those of a data page, or undefined after the last. A row of a nested column is a list for
     * each level of it that repeats or may be null.
     */
    async next() {
        while (this.#position < this.#end) {
            const { header, length } = await this.#header();
            const start = this.#position + length;
            if (!(header.compressed_page_size >= 0 && start + header.compressed_page_size <= this.#end)) {
                throw new Error(`page at byte ${this.#position} claims ${header.compressed_page_size} bytes, beyond its column`);
            }
            this.#position = start + header.compressed_page_size;
            if (header.type === 'INDEX_PAGE')
                continue;
            const packed = await this.#read(start, header.compressed_page_size);
            const page = checkedPage(packed, header, this.#decoder);
            const { buffer, byteOffset, byteLength } = page.payload;
            const reader = { view: new DataView(buffer, byteOffset, byteLength), offset: 0 };
            const before = this.#nested ? this.#held : undefined;
            const unpacked = { ...this.#decoder, codec: 'UNCOMPRESSED' };
            const { data } = (0,column/* readPage */.SP)(reader, page.header, unpacked, this.#dictionary, before, 0);
            if (header.type !== 'DICTIONARY_PAGE' && data && lacksValue(data)) {
                throw new Error(`page at byte ${start - length} has values that its dictionary does not have`);
            }
            if (header.type === 'DICTIONARY_PAGE')
                this.#dictionary = data && (0,convert/* convert */.C6)(data, this.#decoder);
            else if (data && this.#nested) {
                this.#held = Array.from(data).splice(-1);
                if (data.length > 1)
                    return Array.from(data).slice(0, -1);
            }
            else if (data && data.length > 0)
                return data;
        }
        return this.#held.length > 0 ? this.#held.splice(0) : undefined;
    }
    /** The page header at the position. Its length is not known beforehand: it may hold long statistics. */
    async #header() {
        const left = this.#end - this.#position;
        for (let size = Math.min(HEADER_BYTES, left);; size = Math.min(size * 16, left)) {
            const bytes = await this.#read(this.#position, size);
            const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
            try {
                return { header: (0,column/* parquetHeader */.wK)(reader), length: reader.offset };
            }
            catch (error) {
                if (size === left) {
                    throw new Error(`no page header at byte ${this.#position}`, { cause: error });
                }
            }
        }
    }
    async #read(position, length) {
        const bytes = Buffer.alloc(length);
        for (let filled = 0; filled < length;) {
            const { bytesRead } = await this.#handle.read(bytes, filled, length - filled, position + filled);
            if (bytesRead === 0) {
                throw new Error(`the file ends inside a page of column ${this.#metadata.path_in_schema.join('.')}`);
            }
            filled += bytesRead;
        }
        return bytes;
    }
}
/** The rows of a column that holds lists of structs: its leaves, each a column chunk of its own, put together. */
class NestedPages {
    #node;
    #leaves;
    constructor(node, leaves) {
        this.#node = node;
        this.#leaves = leaves.map((leaf) => ({ ...leaf, rows: [] }));
    }
    /** Values of the next rows, or undefined after the last. @throws Error where the leaves differ in length */
    async next() {
        for (const leaf of this.#leaves) {
            if (leaf.rows.length === 0)
                leaf.rows = Array.from((await leaf.pages.next()) ?? []);
        }
        const count = Math.min(...this.#leaves.map(({ rows }) => rows.length));
        if (count === 0) {
            if (this.#leaves.every(({ rows }) => rows.length === 0))
                return undefined;
            throw new Error('its parts have different numbers of rows');
        }
        const columns = new Map(this.#leaves.map(({ name, rows }) => [name, rows.splice(0, count)]));
        (0,assemble/* assembleNested */.d)(columns, this.#node, PARSERS);
        return columns.get(this.#node.path.join('.'));
    }
}
const HEADER_BYTES = 4096;
const parquet_pages_text = new TextDecoder('utf-8', { ignoreBOM: true });
const PARSERS = { ...convert/* DEFAULT_PARSERS */.Rc, stringFromBytes: decodeText, jsonFromBytes: decodeText };
function decodeText(bytes) {
    return bytes === undefined || !(0,external_node_buffer_.isUtf8)(bytes) ? bytes : parquet_pages_text.decode(bytes);
}

// EXTERNAL MODULE: ./packages/dataset/src/sources/typed-columns.ts
var typed_columns = __webpack_require__(6931);
;// CONCATENATED MODULE: ./packages/dataset/src/sources/parquet.ts






/**
 * Write the rows of a Parquet file to the spool as JSON text, a page of each column in memory at a time.
 *
 * Integers of all widths become int64 and floats float64; NaN becomes null, as `Dataset.from_pandas` makes it.
 *
 * @throws ConfigurationError with row group, column or row, when the file is damaged or holds what a frame can't
 */
async function spoolParquet(path, spool, context) {
    const handle = await (0,confined_files/* openFile */.Tq)(path);
    try {
        const { size } = await handle.stat();
        const { metadata, root } = await readMetadata(path, handle, size);
        const nodes = root.children.map((node) => ({ name: node.element.name, node: [root, node] }));
        const columns = (0,typed_columns/* noteColumns */.Wc)(path, nodes, cellKind, context);
        context.index.beginSource({ path, spooledAt: spool.position });
        let crossed = 0;
        let row = 0;
        for (const [number, group] of metadata.row_groups.entries()) {
            context.signal?.throwIfAborted();
            if (context.index.rows >= context.limit)
                return;
            await spoolRowGroup({ path, handle, size, group, number, firstRow: row, columns, spool, context });
            row += Number(group.num_rows);
            const bytes = group.columns.reduce((sum, { meta_data: chunk }) => sum + Number(chunk?.total_compressed_size), 0);
            context.onBytes(bytes);
            crossed += bytes;
        }
        if (row !== Number(metadata.num_rows))
            throw (0,typed_columns/* damaged */.qM)(path, `the footer says ${metadata.num_rows} rows, the row groups ${row}`);
        if (row === 0)
            throw (0,typed_columns/* noRows */.jw)(path);
        context.onBytes(size - crossed);
    }
    finally {
        await handle.close();
    }
}
async function spoolRowGroup(task) {
    const { path, group, columns, spool } = task;
    const rows = Math.min(Number(group.num_rows), task.context.limit - task.context.index.rows);
    const pages = columns.map((column) => pagesOf(task, column));
    const values = columns.map(() => []);
    const next = columns.map(() => 0);
    for (let done = 0; done < rows;) {
        task.context.signal?.throwIfAborted();
        let run = rows - done;
        for (let i = 0; i < columns.length; i++) {
            if (next[i] === values[i]?.length) {
                values[i] = await nextPage(task, columns[i], pages[i], done);
                next[i] = 0;
            }
            run = Math.min(run, values[i].length - next[i]);
        }
        for (let r = 0; r < run; r++) {
            let json = '{';
            for (let i = 0; i < columns.length; i++) {
                const column = columns[i];
                const cell = cellText(values[i][next[i]], column.kind);
                if (cell === undefined)
                    throw (0,typed_columns/* notText */.nr)(path, column.name, task.firstRow + done + r);
                if (cell === 'null')
                    (0,typed_columns/* noteNull */.k$)(path, column, task.firstRow + done + r, task.context);
                json += `${i === 0 ? '' : ','}${column.key}${cell}`;
                next[i]++;
            }
            const written = spool.addRow(`${json}}`);
            if (written)
                await written;
        }
        done += run;
    }
}
function pagesOf(task, { name, kind, node: schemaPath }) {
    if (kind !== column_table/* CellKind */.B9.list)
        return chunkPages(task, name, schemaPath);
    const node = schemaPath.at(-1);
    return new NestedPages(node, leafPaths(schemaPath).map((leaf) => ({
        name: leaf.at(-1).path.join('.'),
        pages: chunkPages(task, name, leaf),
    })));
}
/** Paths from the root to the leaves below a node. */
function leafPaths(path) {
    const { children } = path.at(-1);
    return children.length === 0 ? [path] : children.flatMap((child) => leafPaths([...path, child]));
}
function chunkPages({ path, handle, size, group, number }, name, schemaPath) {
    const leaf = schemaPath.at(-1).path.join('.');
    const chunk = group.columns.find(({ meta_data: metadata }) => metadata?.path_in_schema.join('.') === leaf)?.meta_data;
    if (!chunk)
        throw (0,typed_columns/* damaged */.qM)(path, `row group ${number} has no column "${name}"`);
    if (!(chunk.codec in PAGE_CODECS)) {
        throw new errors/* ConfigurationError */.j1(`column "${name}" of row group ${number} is compressed with ${chunk.codec}`, {
            hint: `Write the file with one of ${Object.keys(PAGE_CODECS).join(', ')}.`,
            place: { file: path },
        });
    }
    try {
        return new ColumnPages(handle, chunk, schemaPath, size);
    }
    catch (error) {
        throw (0,typed_columns/* damaged */.qM)(path, `row group ${number}, column "${name}": ${error.message}`, error);
    }
}
async function nextPage(task, column, pages, done) {
    const where = `row group ${task.number}, column "${column.name}"`;
    let page;
    try {
        page = await pages.next();
    }
    catch (error) {
        throw (0,typed_columns/* damaged */.qM)(task.path, `${where}: ${error.message}`, error);
    }
    if (!page)
        throw (0,typed_columns/* damaged */.qM)(task.path, `${where} ends after ${done} of ${task.group.num_rows} rows`);
    return page;
}
/** JSON text of a cell; undefined for text that is not UTF-8. */
function cellText(value, kind) {
    if (value === null || value === undefined || kind === column_table/* CellKind */.B9.null)
        return 'null';
    if (kind === column_table/* CellKind */.B9.string)
        return typeof value === 'string' ? JSON.stringify(value) : undefined;
    if (kind === column_table/* CellKind */.B9.list)
        return JSON.stringify(value, wholeNumbers);
    return kind === column_table/* CellKind */.B9.float ? (0,typed_columns/* floatText */.qx)(value) : String(value);
}
/** JSON knows no bigint, which a message may have beside its text. */
function wholeNumbers(_key, value) {
    return typeof value === 'bigint' ? Number(value) : value;
}
async function readMetadata(path, handle, size) {
    const file = {
        byteLength: size,
        slice: async (start, end = size) => {
            const bytes = new Uint8Array(end - start);
            const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
            if (bytesRead !== bytes.length)
                throw new Error(`read ${bytesRead} of ${bytes.length} bytes at ${start}`);
            return bytes.buffer;
        },
    };
    try {
        const metadata = await (0,src_metadata/* parquetMetadataAsync */.Ei)(file, { initialFetchSize: Math.min(size, 1 << 16) });
        requireFields(metadata);
        return { metadata, root: (0,src_metadata/* parquetSchema */.YR)(metadata) };
    }
    catch (error) {
        throw (0,typed_columns/* damaged */.qM)(path, `no Parquet footer at the end of ${size} bytes (${error.message})`, error);
    }
}
/** What is read of a footer: the library takes a field for absent that is of another kind. */
function requireFields({ schema, row_groups: groups, num_rows: rows }) {
    const isCount = (value) => Number.isSafeInteger(Number(value)) && Number(value) >= 0;
    const lacking = (what) => new Error(`the footer lacks ${what}`);
    if (!isCount(rows))
        throw lacking('the number of rows');
    if (schema.some(({ name }, place) => place > 0 && typeof name !== 'string'))
        throw lacking('the name of a column');
    for (const [number, { columns, num_rows }] of groups.entries()) {
        if (!isCount(num_rows))
            throw lacking(`the number of rows of row group ${number}`);
        for (const { meta_data: chunk } of columns) {
            const isPath = Array.isArray(chunk?.path_in_schema) &&
                chunk.path_in_schema.every((part) => typeof part === 'string');
            if (!isPath || typeof chunk.codec !== 'string' || !isCount(chunk.total_compressed_size))
                throw lacking(`where a column of row group ${number} is`);
        }
    }
}
const TEXT_ANNOTATIONS = new Set(['UTF8', 'STRING', 'ENUM', 'JSON']);
const INTEGER_ANNOTATIONS = new Set(['INT_8', 'INT_16', 'INT_32', 'INT_64', 'UINT_8', 'UINT_16', 'UINT_32']);
function cellKind(path) {
    const { element, children } = path.at(-1);
    const annotation = element.converted_type ?? element.logical_type?.type;
    if (children.length === 0 && element.repetition_type !== 'REPEATED') {
        if (element.logical_type?.type === 'NULL')
            return column_table/* CellKind */.B9.null;
        if (element.type === 'BYTE_ARRAY' && annotation && TEXT_ANNOTATIONS.has(annotation))
            return column_table/* CellKind */.B9.string;
        if (element.type === 'BOOLEAN')
            return column_table/* CellKind */.B9.boolean;
        if (element.type === 'INT32' || element.type === 'INT64') {
            if (!annotation || INTEGER_ANNOTATIONS.has(annotation))
                return column_table/* CellKind */.B9.integer;
            const logical = element.logical_type;
            if (logical?.type === 'INTEGER' && (logical.isSigned || logical.bitWidth < 64)) {
                return column_table/* CellKind */.B9.integer;
            }
        }
        if ((element.type === 'FLOAT' || element.type === 'DOUBLE') && !annotation)
            return column_table/* CellKind */.B9.float;
    }
    requireDistinct(element.name, path.at(-1));
    if (children.length > 0)
        return annotation === 'LIST' ? column_table/* CellKind */.B9.list : column_table/* CellKind */.B9.object;
    const type = `${element.type}${annotation ? ` (${annotation})` : ''}`;
    throw new column_table/* RowFault */.n3(`column "${element.name}" is ${type}; a column holds text, integers up to 64 bits with a sign, floats or booleans`, 'Write the column as text, or leave it out with keep_columns.');
}
/** A value keeps one of two fields with the same name: which of them is meant nobody can tell. */
function requireDistinct(column, { children }) {
    const names = children.map(({ element }) => element.name);
    const twice = names.find((name, place) => names.indexOf(name) !== place);
    if (twice !== undefined) {
        throw new column_table/* RowFault */.n3(`column "${column}" has two fields "${twice}"`, 'Write the file with one of the two.');
    }
    for (const child of children)
        requireDistinct(column, child);
}


/***/ }),

/***/ 6931:
/***/ ((__unused_webpack_module, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   Wc: () => (/* binding */ noteColumns),
/* harmony export */   jw: () => (/* binding */ noRows),
/* harmony export */   k$: () => (/* binding */ noteNull),
/* harmony export */   nr: () => (/* binding */ notText),
/* harmony export */   qM: () => (/* binding */ damaged),
/* harmony export */   qx: () => (/* binding */ floatText)
/* harmony export */ });
/* harmony import */ var _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(6499);
/* harmony import */ var _column_table_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(5581);


/**
 * The columns of a schema that are read, noted in the column table as one row of their kinds.
 *
 * @param kindOf kind of a column's cells; throws RowFault for a type that can't be read
 * @throws ConfigurationError for a column that does not fit, or one that is missing
 */
function noteColumns(path, columns, kindOf, { columns: table }) {
    table.beginFile(path);
    table.beginRow(0);
    try {
        const noted = [];
        for (const { name, node } of columns) {
            const read = table.isRead(name);
            const kind = read ? kindOf(node) : _column_table_js__WEBPACK_IMPORTED_MODULE_0__/* .CellKind */ .B9.null;
            table.cell(table.column(name), kind);
            if (read)
                noted.push({ name, key: `${JSON.stringify(name)}:`, kind, node });
        }
        table.endRow();
        return noted;
    }
    catch (error) {
        throw located(path, error, 'schema: ');
    }
}
/** Note that a cell is null, where a type alone does not tell. @throws ConfigurationError where it may not be */
function noteNull(path, { name }, row, { columns: table }) {
    table.beginRow(row);
    try {
        table.cell(table.column(name), _column_table_js__WEBPACK_IMPORTED_MODULE_0__/* .CellKind */ .B9.null);
    }
    catch (error) {
        throw located(path, error, `row ${row} (from 0): `);
    }
}
/** JSON text of a number. JSON has no infinity, but a number too large is read as one; NaN becomes null. */
function floatText(value) {
    if (Number.isNaN(value))
        return 'null';
    if (!Number.isFinite(value))
        return value < 0 ? '-1e999' : '1e999';
    return Object.is(value, -0) ? '-0' : String(value);
}
function notText(path, name, row) {
    return new _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_1__/* .ConfigurationError */ .j1(`row ${row} (from 0): column "${name}" is not valid UTF-8`, {
        hint: 'Write the file again with text as UTF-8.',
        place: { file: path },
    });
}
function damaged(path, problem, cause) {
    return new _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_1__/* .ConfigurationError */ .j1(problem, {
        hint: 'The file is cut off or damaged: fetch or export it again.',
        place: { file: path },
        cause,
    });
}
function noRows(path) {
    return new _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_1__/* .ConfigurationError */ .j1('the file has no rows', {
        hint: 'Give a file with at least one row.',
        place: { file: path },
    });
}
function located(path, error, where) {
    if (!(error instanceof _column_table_js__WEBPACK_IMPORTED_MODULE_0__/* .RowFault */ .n3))
        return error;
    return new _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_1__/* .ConfigurationError */ .j1(`${where}${error.message}`, { hint: error.hint, place: { file: path } });
}


/***/ })

};
