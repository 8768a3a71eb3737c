export const id = 684;
export const ids = [684];
export const modules = {

/***/ 8684:
/***/ ((__unused_webpack_module, __webpack_exports__, __webpack_require__) => {

__webpack_require__.r(__webpack_exports__);
/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   spoolArrow: () => (/* binding */ spoolArrow)
/* harmony export */ });
/* harmony import */ var node_buffer__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(4573);
/* harmony import */ var node_buffer__WEBPACK_IMPORTED_MODULE_0___default = /*#__PURE__*/__webpack_require__.n(node_buffer__WEBPACK_IMPORTED_MODULE_0__);
/* harmony import */ var node_fs_promises__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(1455);
/* harmony import */ var node_fs_promises__WEBPACK_IMPORTED_MODULE_1___default = /*#__PURE__*/__webpack_require__.n(node_fs_promises__WEBPACK_IMPORTED_MODULE_1__);
/* harmony import */ var _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_6__ = __webpack_require__(6499);
/* harmony import */ var apache_arrow__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(3392);
/* harmony import */ var apache_arrow__WEBPACK_IMPORTED_MODULE_4__ = __webpack_require__(6008);
/* harmony import */ var _column_table_js__WEBPACK_IMPORTED_MODULE_5__ = __webpack_require__(5581);
/* harmony import */ var _typed_columns_js__WEBPACK_IMPORTED_MODULE_3__ = __webpack_require__(6931);






/**
 * Write the rows of an Arrow IPC stream or file to the spool as JSON text, a record batch in memory at a time.
 *
 * Types become those of {@link spoolParquet}.
 *
 * @throws ConfigurationError with batch, column or row, when the file is damaged or holds what a frame can't
 */
async function spoolArrow(path, spool, context) {
    const handle = await (0,node_fs_promises__WEBPACK_IMPORTED_MODULE_1__.open)(path);
    try {
        const { size } = await handle.stat();
        await requireEnd(path, handle, size);
        const reader = await apache_arrow__WEBPACK_IMPORTED_MODULE_2__/* .RecordBatchReader */ .hb.from(handle);
        await reading(path, 'its schema', () => reader.open({ autoDestroy: false }));
        const fields = reader.schema.fields.map(({ name, type }) => ({ name, node: type }));
        const columns = (0,_typed_columns_js__WEBPACK_IMPORTED_MODULE_3__/* .noteColumns */ .Wc)(path, fields, cellKind, context);
        context.index.beginSource({ path, spooledAt: spool.position });
        let row = 0;
        for (let number = 0; context.index.rows < context.limit; number++) {
            context.signal?.throwIfAborted();
            const { value: batch, done } = await reading(path, `record batch ${number}`, () => reader.next());
            if (done)
                break;
            await spoolBatch({ path, batch, firstRow: row, columns, spool, context });
            row += batch.numRows;
        }
        if (row === 0)
            throw (0,_typed_columns_js__WEBPACK_IMPORTED_MODULE_3__/* .noRows */ .jw)(path);
        context.onBytes(size);
        await reader.cancel();
    }
    finally {
        await handle.close();
    }
}
async function spoolBatch({ path, batch, firstRow, columns, spool, context }) {
    const cells = columns.map(({ name }) => {
        const place = batch.schema.fields.findIndex((field) => field.name === name);
        return cellWriter(batch.data.children[place]);
    });
    const rows = Math.min(batch.numRows, context.limit - context.index.rows);
    for (let r = 0; r < rows; r++) {
        let json = '{';
        for (const [i, column] of columns.entries()) {
            const cell = cells[i]?.(r);
            if (cell === undefined)
                throw (0,_typed_columns_js__WEBPACK_IMPORTED_MODULE_3__/* .notText */ .nr)(path, column.name, firstRow + r);
            if (cell === 'null')
                (0,_typed_columns_js__WEBPACK_IMPORTED_MODULE_3__/* .noteNull */ .k$)(path, column, firstRow + r, context);
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
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Null:
            return () => 'null';
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Utf8:
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.LargeUtf8:
            return textWriter(data);
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Dictionary:
            return dictionaryWriter(data);
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Float:
            return (row) => (0,_typed_columns_js__WEBPACK_IMPORTED_MODULE_3__/* .floatText */ .qx)(values[row]);
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Bool:
            return (row) => String(((values[(data.offset + row) >> 3] >> ((data.offset + row) & 7)) & 1) === 1);
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.List:
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.LargeList:
            return listWriter(data);
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Struct:
            return structWriter(data);
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Int:
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
        if (decoded.includes('\ufffd') && !(0,node_buffer__WEBPACK_IMPORTED_MODULE_0__.isUtf8)(text.subarray(start, end)))
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
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Null:
            return _column_table_js__WEBPACK_IMPORTED_MODULE_5__/* .CellKind */ .B9.null;
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Utf8:
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.LargeUtf8:
            return _column_table_js__WEBPACK_IMPORTED_MODULE_5__/* .CellKind */ .B9.string;
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Dictionary:
            return cellKind(type.dictionary);
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Bool:
            return _column_table_js__WEBPACK_IMPORTED_MODULE_5__/* .CellKind */ .B9.boolean;
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Int: {
            const { isSigned, bitWidth } = type;
            if (isSigned || bitWidth < 64)
                return _column_table_js__WEBPACK_IMPORTED_MODULE_5__/* .CellKind */ .B9.integer;
            break;
        }
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Float:
            if (type.precision > 0)
                return _column_table_js__WEBPACK_IMPORTED_MODULE_5__/* .CellKind */ .B9.float;
            break;
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.List:
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.LargeList:
            return _column_table_js__WEBPACK_IMPORTED_MODULE_5__/* .CellKind */ .B9.list;
        case apache_arrow__WEBPACK_IMPORTED_MODULE_4__/* .Type */ .ZU.Struct:
            return _column_table_js__WEBPACK_IMPORTED_MODULE_5__/* .CellKind */ .B9.object;
    }
    throw new _column_table_js__WEBPACK_IMPORTED_MODULE_5__/* .RowFault */ .n3(`a column is ${type}; a column holds text, integers up to 64 bits with a sign, floats or booleans`, 'Write the column as text, or leave it out with keep_columns.');
}
/** A stream without its end mark may have lost its last batches. */
async function requireEnd(path, handle, size) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, Math.max(0, size - 8));
    const end = buffer.subarray(0, bytesRead);
    if (end.equals(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])))
        return;
    if (end.subarray(2).toString('latin1') === 'ARROW1')
        return;
    throw (0,_typed_columns_js__WEBPACK_IMPORTED_MODULE_3__/* .damaged */ .qM)(path, `no end mark of an Arrow stream or file at the end of ${size} bytes`);
}
async function reading(path, what, read) {
    try {
        return await read();
    }
    catch (error) {
        if (/codec not found/.test(error.message)) {
            throw new _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_6__/* .ConfigurationError */ .j1(`${what} has compressed buffers`, {
                hint: 'Write the file without compression of its buffers.',
                place: { file: path },
            });
        }
        throw (0,_typed_columns_js__WEBPACK_IMPORTED_MODULE_3__/* .damaged */ .qM)(path, `${what} can't be read: ${error.message}`, error);
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
