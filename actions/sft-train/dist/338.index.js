export const id = 338;
export const ids = [338];
export const modules = {

/***/ 5338:
/***/ ((__unused_webpack_module, __webpack_exports__, __webpack_require__) => {

// ESM COMPAT FLAG
__webpack_require__.r(__webpack_exports__);

// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  spoolArrow: () => (/* binding */ spoolArrow)
});

// EXTERNAL MODULE: external "node:buffer"
var external_node_buffer_ = __webpack_require__(4573);
// EXTERNAL MODULE: ./packages/stage/src/confined-files.ts + 1 modules
var confined_files = __webpack_require__(8299);
// EXTERNAL MODULE: ./packages/stage/src/errors.ts
var errors = __webpack_require__(6499);
// EXTERNAL MODULE: ./node_modules/apache-arrow/ipc/reader.mjs + 64 modules
var ipc_reader = __webpack_require__(3392);
// EXTERNAL MODULE: ./node_modules/apache-arrow/enum.mjs
var apache_arrow_enum = __webpack_require__(6008);
// EXTERNAL MODULE: ./packages/dataset/src/column-table.ts
var column_table = __webpack_require__(5581);
// EXTERNAL MODULE: ./node_modules/flatbuffers/js/flatbuffers.js
var flatbuffers = __webpack_require__(6558);
;// CONCATENATED MODULE: ./packages/dataset/src/sources/arrow-limits.ts


/**
 * Lists of one message of a file that are looked up. A file has two a batch and some for each column; a list of columns that
 * each are the list itself has no end.
 */
const MOST_LOOKUPS = 1_000_000;
/** Of one place: it is looked at to tell a file from a stream, and for its footer. */
const MOST_READS = 8;
const lookups = new WeakMap();
const lengthOf = flatbuffers/* ByteBuffer */.$F.prototype.__vector_len;
/** The lists of a message of Arrow are not longer than the message: the library's decoder does not compare the two. */
flatbuffers/* ByteBuffer */.$F.prototype.__vector_len = function (offset) {
    const length = lengthOf.call(this, offset);
    const before = lookups.get(this) ?? 0;
    lookups.set(this, before + 1);
    if (before >= MOST_LOOKUPS)
        throw new Error(`a message has more than ${MOST_LOOKUPS} lists`);
    if (!(length >= 0 && this.__vector(offset) + length <= this.capacity()))
        throw new Error(`a list of ${length} in a message of ${this.capacity()} bytes`);
    return length;
};
/** Has a reader compare what a batch claims with its bytes before it makes columns of it, in loops over their lengths. */
function checkBatches(reader) {
    const { _impl: loader } = reader;
    const loadBatch = loader._loadRecordBatch;
    const loadDictionary = loader._loadDictionaryBatch;
    loader._loadRecordBatch = (header, body, ...rest) => {
        checkBatch(header, body.byteLength);
        return loadBatch.call(loader, header, body, ...rest);
    };
    loader._loadDictionaryBatch = (header, body, ...rest) => {
        checkBatch(header.data, body.byteLength);
        return loadDictionary.call(loader, header, body, ...rest);
    };
}
function checkBatch({ length, nodes, buffers }, bytes) {
    for (const claimed of [
        length,
        ...nodes.map((node) => node.length),
        ...nodes.map((node) => node.nullCount),
    ]) {
        // A value has a bit at least, of whether it is null.
        if (!(Number(claimed) >= 0 && Number(claimed) <= bytes * 8))
            throw new Error(`it claims ${claimed} values in ${bytes} bytes`);
    }
    for (const { offset, length } of buffers) {
        if (!(Number(offset) >= 0 && Number(length) >= 0 && Number(offset) + Number(length) <= bytes))
            throw new Error(`it claims the bytes from ${offset} on, ${length} of them, of ${bytes}`);
    }
}
/**
 * A file that says so where there is nothing to read: the library would read on without an end, behind the file's, and before
 * its start, which Node takes for the place of the last read. It also reads a batch again and again that is something else.
 */
function checkedHandle(handle) {
    const times = new Map();
    const read = async (buffer, offset, length, position) => {
        if (!(Number.isSafeInteger(position) && position >= 0))
            throw new Error(`it is said to be at byte ${position}`);
        const before = times.get(position) ?? 0;
        if (before === MOST_READS)
            throw new Error(`what is at byte ${position} is no record batch`);
        times.set(position, before + 1);
        const result = await handle.read(buffer, offset, length, position);
        if (result.bytesRead === 0 && length > 0)
            throw new Error(`there is nothing at byte ${position}`);
        return result;
    };
    const checked = { fd: handle.fd, stat: () => handle.stat(), read, close: async () => { } };
    return checked;
}
/**
 * Checks that a column of a record batch has the bytes that its lengths and offsets claim: the library believes them, and
 * gives nothing, or a part, for what is not there.
 *
 * @param length rows that are read of it
 * @throws Error for a claim that can't be right
 */
function checkColumn(data, length = data.length) {
    const { typeId, values, nullBitmap, nullCount, children } = data;
    if (data.length < length)
        throw new Error(`it has ${data.length} of ${length} values`);
    const known = (nullBitmap?.length ?? 0) * 8;
    if (typeId !== apache_arrow_enum/* Type */.ZU.Null && nullCount > 0 && known < data.offset + length)
        throw new Error(`it says of ${known} of ${length} values whether they are null`);
    switch (typeId) {
        case apache_arrow_enum/* Type */.ZU.Utf8:
        case apache_arrow_enum/* Type */.ZU.LargeUtf8:
            return checkOffsets(data, length, values.length);
        case apache_arrow_enum/* Type */.ZU.List:
        case apache_arrow_enum/* Type */.ZU.LargeList: {
            const child = children[0];
            if (!child)
                throw new Error('it is a list of nothing');
            checkOffsets(data, length, child.length);
            return checkColumn(child);
        }
        case apache_arrow_enum/* Type */.ZU.Struct:
            for (const child of children)
                checkColumn(child, length);
            return;
        case apache_arrow_enum/* Type */.ZU.Dictionary: {
            const entries = data.dictionary?.length ?? 0;
            for (const chunk of data.dictionary?.data ?? [])
                checkColumn(chunk);
            requireLength(values, length);
            for (let row = 0; row < length; row += 1) {
                const place = Number(values[row]);
                if (data.getValid(row) && !(place >= 0 && place < entries))
                    throw new Error(`row ${row} of the batch is value ${place} of a dictionary of ${entries}`);
            }
            return;
        }
        case apache_arrow_enum/* Type */.ZU.Bool:
            return requireLength(values, Math.ceil((data.offset + length) / 8));
        case apache_arrow_enum/* Type */.ZU.Int:
        case apache_arrow_enum/* Type */.ZU.Float:
            return requireLength(values, length);
    }
}
function requireLength(values, length) {
    if ((values?.length ?? 0) < length)
        throw new Error(`it has ${values?.length ?? 0} of ${length} values`);
}
function checkOffsets({ valueOffsets }, length, end) {
    // Writers leave the offsets of no values out.
    if (length === 0 && valueOffsets.length === 0)
        return;
    requireLength(valueOffsets, length + 1);
    let before = 0;
    for (let row = 0; row <= length; row += 1) {
        const offset = Number(valueOffsets[row]);
        if (!(offset >= before && offset <= end))
            throw new Error(`row ${row} of the batch begins at ${offset}, after ${before} and of ${end}`);
        before = offset;
    }
}

// EXTERNAL MODULE: ./packages/dataset/src/sources/typed-columns.ts
var typed_columns = __webpack_require__(6931);
;// CONCATENATED MODULE: ./packages/dataset/src/sources/arrow.ts







/**
 * Write the rows of an Arrow IPC stream or file to the spool as JSON text, a record batch in memory at a time.
 *
 * Types become those of {@link spoolParquet}.
 *
 * @throws ConfigurationError with batch, column or row, when the file is damaged or holds what a frame can't
 */
async function spoolArrow(path, spool, context) {
    const handle = await (0,confined_files/* openFile */.Tq)(path);
    try {
        const { size } = await handle.stat();
        await requireEnd(path, handle, size);
        const reader = await ipc_reader/* RecordBatchReader */.hb.from(checkedHandle(handle));
        checkBatches(reader);
        await reading(path, 'its schema', () => reader.open({ autoDestroy: false }));
        const fields = reader.schema.fields.map(({ name, type }) => ({ name, node: type }));
        if (fields.some(({ name }) => typeof name !== 'string'))
            throw (0,typed_columns/* damaged */.qM)(path, 'its schema has a column without a name');
        const columns = (0,typed_columns/* noteColumns */.Wc)(path, fields, cellKind, context);
        context.index.beginSource({ path, spooledAt: spool.position });
        let row = 0;
        for (let number = 0; context.index.rows < context.limit; number++) {
            context.signal?.throwIfAborted();
            const { value: batch, done } = await reading(path, `record batch ${number}`, () => reader.next());
            if (done) {
                // The library takes a batch that is none for the end.
                const listed = reader.isFile() ? reader.numRecordBatches : number;
                if (number < listed)
                    throw (0,typed_columns/* damaged */.qM)(path, `record batch ${number} of ${listed} is not where the footer says`);
                break;
            }
            await spoolBatch({ path, batch, number, firstRow: row, columns, spool, context });
            row += batch.numRows;
        }
        if (row === 0)
            throw (0,typed_columns/* noRows */.jw)(path);
        context.onBytes(size);
        await reader.cancel();
    }
    finally {
        await handle.close();
    }
}
async function spoolBatch(task) {
    const { path, batch, number, firstRow, columns, spool, context } = task;
    const cells = columns.map(({ name }) => {
        const place = batch.schema.fields.findIndex((field) => field.name === name);
        const data = batch.data.children[place];
        try {
            checkColumn(data, batch.numRows);
        }
        catch (error) {
            throw (0,typed_columns/* damaged */.qM)(path, `record batch ${number}, column "${name}": ${error.message}`, error);
        }
        return cellWriter(data);
    });
    const rows = Math.min(batch.numRows, context.limit - context.index.rows);
    for (let r = 0; r < rows; r++) {
        let json = '{';
        for (const [i, column] of columns.entries()) {
            const cell = cells[i]?.(r);
            if (cell === undefined)
                throw (0,typed_columns/* notText */.nr)(path, column.name, firstRow + r);
            if (cell === 'null')
                (0,typed_columns/* noteNull */.k$)(path, column, firstRow + r, context);
            json += `${i === 0 ? '' : ','}${column.key}${cell}`;
        }
        const written = spool.addRow(`${json}}`);
        if (written)
            await written;
    }
}
function cellWriter(data) {
    const write = valueWriter(data);
    return (row) => (data.getValid(row) ? write(row) : 'null');
}
function valueWriter(data) {
    const { values } = data;
    switch (data.typeId) {
        case apache_arrow_enum/* Type */.ZU.Null:
            return () => 'null';
        case apache_arrow_enum/* Type */.ZU.Utf8:
        case apache_arrow_enum/* Type */.ZU.LargeUtf8:
            return textWriter(data);
        case apache_arrow_enum/* Type */.ZU.Dictionary:
            return dictionaryWriter(data);
        case apache_arrow_enum/* Type */.ZU.Float:
            return (row) => (0,typed_columns/* floatText */.qx)(values[row]);
        case apache_arrow_enum/* Type */.ZU.Bool:
            return (row) => String(((values[(data.offset + row) >> 3] >> ((data.offset + row) & 7)) & 1) === 1);
        case apache_arrow_enum/* Type */.ZU.List:
        case apache_arrow_enum/* Type */.ZU.LargeList:
            return listWriter(data);
        case apache_arrow_enum/* Type */.ZU.Struct:
            return structWriter(data);
        case apache_arrow_enum/* Type */.ZU.Int:
            return (row) => String(values[row]);
        default:
            // Only beside the text of a message, where a value that is not null is refused anyway.
            return () => JSON.stringify(`a value of the type ${data.type}`);
    }
}
/** Bytes are decoded here: the library's own decoder drops a leading U+FEFF and replaces what is not UTF-8. */
function textWriter({ valueOffsets, values }) {
    const bytes = values;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return (row) => {
        const [start, end] = [Number(valueOffsets[row]), Number(valueOffsets[row + 1])];
        const decoded = text.toString('utf8', start, end);
        if (decoded.includes('\ufffd') && !(0,external_node_buffer_.isUtf8)(text.subarray(start, end)))
            return undefined;
        return JSON.stringify(decoded);
    };
}
function dictionaryWriter(data) {
    const chunks = data.dictionary?.data.map((chunk) => ({ length: chunk.length, write: cellWriter(chunk) })) ?? [];
    return (row) => {
        let place = Number(data.values[row]);
        for (const { length, write } of chunks) {
            if (place < length)
                return write(place);
            place -= length;
        }
        return 'null';
    };
}
function listWriter({ valueOffsets, children }) {
    const write = cellWriter(children[0]);
    return (row) => {
        const items = [];
        for (let i = Number(valueOffsets[row]); i < Number(valueOffsets[row + 1]); i++) {
            const item = write(i);
            if (item === undefined)
                return undefined;
            items.push(item);
        }
        return `[${items.join(',')}]`;
    };
}
function structWriter({ type, children }) {
    const fields = (type.children ?? []).map(({ name }, i) => ({
        key: `${JSON.stringify(name)}:`,
        write: cellWriter(children[i]),
    }));
    return (row) => {
        const members = [];
        for (const { key, write } of fields) {
            const value = write(row);
            if (value === undefined)
                return undefined;
            members.push(key + value);
        }
        return `{${members.join(',')}}`;
    };
}
function cellKind(type) {
    switch (type.typeId) {
        case apache_arrow_enum/* Type */.ZU.Null:
            return column_table/* CellKind */.B9.null;
        case apache_arrow_enum/* Type */.ZU.Utf8:
        case apache_arrow_enum/* Type */.ZU.LargeUtf8:
            return column_table/* CellKind */.B9.string;
        case apache_arrow_enum/* Type */.ZU.Dictionary:
            return cellKind(type.dictionary);
        case apache_arrow_enum/* Type */.ZU.Bool:
            return column_table/* CellKind */.B9.boolean;
        case apache_arrow_enum/* Type */.ZU.Int: {
            const { isSigned, bitWidth } = type;
            if (isSigned || bitWidth < 64)
                return column_table/* CellKind */.B9.integer;
            break;
        }
        case apache_arrow_enum/* Type */.ZU.Float:
            if (type.precision > 0)
                return column_table/* CellKind */.B9.float;
            break;
        case apache_arrow_enum/* Type */.ZU.List:
        case apache_arrow_enum/* Type */.ZU.LargeList:
            return column_table/* CellKind */.B9.list;
        case apache_arrow_enum/* Type */.ZU.Struct:
            return column_table/* CellKind */.B9.object;
    }
    throw new column_table/* RowFault */.n3(`a column is ${type}; a column holds text, integers up to 64 bits with a sign, floats or booleans`, 'Write the column as text, or leave it out with keep_columns.');
}
/** A stream without its end mark may have lost its last batches. */
async function requireEnd(path, handle, size) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, Math.max(0, size - 8));
    const end = buffer.subarray(0, bytesRead);
    if (end.equals(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])))
        return;
    if (end.subarray(2).toString('latin1') === 'ARROW1')
        return;
    throw (0,typed_columns/* damaged */.qM)(path, `no end mark of an Arrow stream or file at the end of ${size} bytes`);
}
async function reading(path, what, read) {
    try {
        return await read();
    }
    catch (error) {
        if (/codec not found/.test(error.message)) {
            throw new errors/* ConfigurationError */.j1(`${what} has compressed buffers`, {
                hint: 'Write the file without compression of its buffers.',
                place: { file: path },
            });
        }
        throw (0,typed_columns/* damaged */.qM)(path, `${what} can't be read: ${error.message}`, error);
    }
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
