import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
/******/ var __webpack_modules__ = ({

/***/ 71:
/***/ ((__unused_webpack_module, exports, __nccwpck_require__) => {


Object.defineProperty(exports, "__esModule", ({ value: true }));
exports.Builder = void 0;
const byte_buffer_js_1 = __nccwpck_require__(503);
const constants_js_1 = __nccwpck_require__(957);
class Builder {
    /**
     * Create a FlatBufferBuilder.
     */
    constructor(opt_initial_size) {
        /** Minimum alignment encountered so far. */
        this.minalign = 1;
        /** The vtable for the current table. */
        this.vtable = null;
        /** The amount of fields we're actually using. */
        this.vtable_in_use = 0;
        /** Whether we are currently serializing a table. */
        this.isNested = false;
        /** Starting offset of the current struct/table. */
        this.object_start = 0;
        /** List of offsets of all vtables. */
        this.vtables = [];
        /** For the current vector being built. */
        this.vector_num_elems = 0;
        /** False omits default values from the serialized data */
        this.force_defaults = false;
        this.string_maps = null;
        this.text_encoder = new TextEncoder();
        let initial_size;
        if (!opt_initial_size) {
            initial_size = 1024;
        }
        else {
            initial_size = opt_initial_size;
        }
        /**
         * @type {ByteBuffer}
         * @private
         */
        this.bb = byte_buffer_js_1.ByteBuffer.allocate(initial_size);
        this.space = initial_size;
    }
    clear() {
        this.bb.clear();
        this.space = this.bb.capacity();
        this.minalign = 1;
        this.vtable = null;
        this.vtable_in_use = 0;
        this.isNested = false;
        this.object_start = 0;
        this.vtables = [];
        this.vector_num_elems = 0;
        this.force_defaults = false;
        this.string_maps = null;
    }
    /**
     * In order to save space, fields that are set to their default value
     * don't get serialized into the buffer. Forcing defaults provides a
     * way to manually disable this optimization.
     *
     * @param forceDefaults true always serializes default values
     */
    forceDefaults(forceDefaults) {
        this.force_defaults = forceDefaults;
    }
    /**
     * Get the ByteBuffer representing the FlatBuffer. Only call this after you've
     * called finish(). The actual data starts at the ByteBuffer's current position,
     * not necessarily at 0.
     */
    dataBuffer() {
        return this.bb;
    }
    /**
     * Get the bytes representing the FlatBuffer. Only call this after you've
     * called finish().
     */
    asUint8Array() {
        return this.bb
            .bytes()
            .subarray(this.bb.position(), this.bb.position() + this.offset());
    }
    /**
     * Prepare to write an element of `size` after `additional_bytes` have been
     * written, e.g. if you write a string, you need to align such the int length
     * field is aligned to 4 bytes, and the string data follows it directly. If all
     * you need to do is alignment, `additional_bytes` will be 0.
     *
     * @param size This is the of the new element to write
     * @param additional_bytes The padding size
     */
    prep(size, additional_bytes) {
        // Track the biggest thing we've ever aligned to.
        if (size > this.minalign) {
            this.minalign = size;
        }
        // Find the amount of alignment needed such that `size` is properly
        // aligned after `additional_bytes`
        const align_size = (~(this.bb.capacity() - this.space + additional_bytes) + 1) & (size - 1);
        // Reallocate the buffer if needed.
        while (this.space < align_size + size + additional_bytes) {
            const old_buf_size = this.bb.capacity();
            this.bb = Builder.growByteBuffer(this.bb);
            this.space += this.bb.capacity() - old_buf_size;
        }
        this.pad(align_size);
    }
    pad(byte_size) {
        for (let i = 0; i < byte_size; i++) {
            this.bb.writeInt8(--this.space, 0);
        }
    }
    writeInt8(value) {
        this.bb.writeInt8((this.space -= 1), value);
    }
    writeInt16(value) {
        this.bb.writeInt16((this.space -= 2), value);
    }
    writeInt32(value) {
        this.bb.writeInt32((this.space -= 4), value);
    }
    writeInt64(value) {
        this.bb.writeInt64((this.space -= 8), value);
    }
    writeFloat32(value) {
        this.bb.writeFloat32((this.space -= 4), value);
    }
    writeFloat64(value) {
        this.bb.writeFloat64((this.space -= 8), value);
    }
    /**
     * Add an `int8` to the buffer, properly aligned, and grows the buffer (if necessary).
     * @param value The `int8` to add the buffer.
     */
    addInt8(value) {
        this.prep(1, 0);
        this.writeInt8(value);
    }
    /**
     * Add an `int16` to the buffer, properly aligned, and grows the buffer (if necessary).
     * @param value The `int16` to add the buffer.
     */
    addInt16(value) {
        this.prep(2, 0);
        this.writeInt16(value);
    }
    /**
     * Add an `int32` to the buffer, properly aligned, and grows the buffer (if necessary).
     * @param value The `int32` to add the buffer.
     */
    addInt32(value) {
        this.prep(4, 0);
        this.writeInt32(value);
    }
    /**
     * Add an `int64` to the buffer, properly aligned, and grows the buffer (if necessary).
     * @param value The `int64` to add the buffer.
     */
    addInt64(value) {
        this.prep(8, 0);
        this.writeInt64(value);
    }
    /**
     * Add a `float32` to the buffer, properly aligned, and grows the buffer (if necessary).
     * @param value The `float32` to add the buffer.
     */
    addFloat32(value) {
        this.prep(4, 0);
        this.writeFloat32(value);
    }
    /**
     * Add a `float64` to the buffer, properly aligned, and grows the buffer (if necessary).
     * @param value The `float64` to add the buffer.
     */
    addFloat64(value) {
        this.prep(8, 0);
        this.writeFloat64(value);
    }
    addFieldInt8(voffset, value, defaultValue) {
        if (this.force_defaults || value != defaultValue) {
            this.addInt8(value);
            this.slot(voffset);
        }
    }
    addFieldInt16(voffset, value, defaultValue) {
        if (this.force_defaults || value != defaultValue) {
            this.addInt16(value);
            this.slot(voffset);
        }
    }
    addFieldInt32(voffset, value, defaultValue) {
        if (this.force_defaults || value != defaultValue) {
            this.addInt32(value);
            this.slot(voffset);
        }
    }
    addFieldInt64(voffset, value, defaultValue) {
        if (this.force_defaults || value !== defaultValue) {
            this.addInt64(value);
            this.slot(voffset);
        }
    }
    addFieldFloat32(voffset, value, defaultValue) {
        if (this.force_defaults || value != defaultValue) {
            this.addFloat32(value);
            this.slot(voffset);
        }
    }
    addFieldFloat64(voffset, value, defaultValue) {
        if (this.force_defaults || value != defaultValue) {
            this.addFloat64(value);
            this.slot(voffset);
        }
    }
    addFieldOffset(voffset, value, defaultValue) {
        if (this.force_defaults || value != defaultValue) {
            this.addOffset(value);
            this.slot(voffset);
        }
    }
    /**
     * Structs are stored inline, so nothing additional is being added. `d` is always 0.
     */
    addFieldStruct(voffset, value, defaultValue) {
        if (value != defaultValue) {
            this.nested(value);
            this.slot(voffset);
        }
    }
    /**
     * Structures are always stored inline, they need to be created right
     * where they're used.  You'll get this assertion failure if you
     * created it elsewhere.
     */
    nested(obj) {
        if (obj != this.offset()) {
            throw new TypeError('FlatBuffers: struct must be serialized inline.');
        }
    }
    /**
     * Should not be creating any other object, string or vector
     * while an object is being constructed
     */
    notNested() {
        if (this.isNested) {
            throw new TypeError('FlatBuffers: object serialization must not be nested.');
        }
    }
    /**
     * Set the current vtable at `voffset` to the current location in the buffer.
     */
    slot(voffset) {
        if (this.vtable !== null)
            this.vtable[voffset] = this.offset();
    }
    /**
     * @returns Offset relative to the end of the buffer.
     */
    offset() {
        return this.bb.capacity() - this.space;
    }
    /**
     * Doubles the size of the backing ByteBuffer and copies the old data towards
     * the end of the new buffer (since we build the buffer backwards).
     *
     * @param bb The current buffer with the existing data
     * @returns A new byte buffer with the old data copied
     * to it. The data is located at the end of the buffer.
     *
     * uint8Array.set() formally takes {Array<number>|ArrayBufferView}, so to pass
     * it a uint8Array we need to suppress the type check:
     * @suppress {checkTypes}
     */
    static growByteBuffer(bb) {
        const old_buf_size = bb.capacity();
        // Ensure we don't grow beyond what fits in an int.
        if (old_buf_size & 0xc0000000) {
            throw new Error('FlatBuffers: cannot grow buffer beyond 2 gigabytes.');
        }
        const new_buf_size = old_buf_size << 1;
        const nbb = byte_buffer_js_1.ByteBuffer.allocate(new_buf_size);
        nbb.setPosition(new_buf_size - old_buf_size);
        nbb.bytes().set(bb.bytes(), new_buf_size - old_buf_size);
        return nbb;
    }
    /**
     * Adds on offset, relative to where it will be written.
     *
     * @param offset The offset to add.
     */
    addOffset(offset) {
        this.prep(constants_js_1.SIZEOF_INT, 0); // Ensure alignment is already done.
        this.writeInt32(this.offset() - offset + constants_js_1.SIZEOF_INT);
    }
    /**
     * Start encoding a new object in the buffer.  Users will not usually need to
     * call this directly. The FlatBuffers compiler will generate helper methods
     * that call this method internally.
     */
    startObject(numfields) {
        this.notNested();
        if (this.vtable == null) {
            this.vtable = [];
        }
        this.vtable_in_use = numfields;
        for (let i = 0; i < numfields; i++) {
            this.vtable[i] = 0; // This will push additional elements as needed
        }
        this.isNested = true;
        this.object_start = this.offset();
    }
    /**
     * Finish off writing the object that is under construction.
     *
     * @returns The offset to the object inside `dataBuffer`
     */
    endObject() {
        if (this.vtable == null || !this.isNested) {
            throw new Error('FlatBuffers: endObject called without startObject');
        }
        this.addInt32(0);
        const vtableloc = this.offset();
        // Trim trailing zeroes.
        let i = this.vtable_in_use - 1;
        // eslint-disable-next-line no-empty
        for (; i >= 0 && this.vtable[i] == 0; i--) { }
        const trimmed_size = i + 1;
        // Write out the current vtable.
        for (; i >= 0; i--) {
            // Offset relative to the start of the table.
            this.addInt16(this.vtable[i] != 0 ? vtableloc - this.vtable[i] : 0);
        }
        const standard_fields = 2; // The fields below:
        this.addInt16(vtableloc - this.object_start);
        const len = (trimmed_size + standard_fields) * constants_js_1.SIZEOF_SHORT;
        this.addInt16(len);
        // Search for an existing vtable that matches the current one.
        let existing_vtable = 0;
        const vt1 = this.space;
        outer_loop: for (i = 0; i < this.vtables.length; i++) {
            const vt2 = this.bb.capacity() - this.vtables[i];
            if (len == this.bb.readInt16(vt2)) {
                for (let j = constants_js_1.SIZEOF_SHORT; j < len; j += constants_js_1.SIZEOF_SHORT) {
                    if (this.bb.readInt16(vt1 + j) != this.bb.readInt16(vt2 + j)) {
                        continue outer_loop;
                    }
                }
                existing_vtable = this.vtables[i];
                break;
            }
        }
        if (existing_vtable) {
            // Found a match:
            // Remove the current vtable.
            this.space = this.bb.capacity() - vtableloc;
            // Point table to existing vtable.
            this.bb.writeInt32(this.space, existing_vtable - vtableloc);
        }
        else {
            // No match:
            // Add the location of the current vtable to the list of vtables.
            this.vtables.push(this.offset());
            // Point table to current vtable.
            this.bb.writeInt32(this.bb.capacity() - vtableloc, this.offset() - vtableloc);
        }
        this.isNested = false;
        return vtableloc;
    }
    /**
     * Finalize a buffer, poiting to the given `root_table`.
     */
    finish(root_table, opt_file_identifier, opt_size_prefix) {
        const size_prefix = opt_size_prefix ? constants_js_1.SIZE_PREFIX_LENGTH : 0;
        if (opt_file_identifier) {
            const file_identifier = opt_file_identifier;
            this.prep(this.minalign, constants_js_1.SIZEOF_INT + constants_js_1.FILE_IDENTIFIER_LENGTH + size_prefix);
            if (file_identifier.length != constants_js_1.FILE_IDENTIFIER_LENGTH) {
                throw new TypeError('FlatBuffers: file identifier must be length ' +
                    constants_js_1.FILE_IDENTIFIER_LENGTH);
            }
            for (let i = constants_js_1.FILE_IDENTIFIER_LENGTH - 1; i >= 0; i--) {
                this.writeInt8(file_identifier.charCodeAt(i));
            }
        }
        this.prep(this.minalign, constants_js_1.SIZEOF_INT + size_prefix);
        this.addOffset(root_table);
        if (size_prefix) {
            this.addInt32(this.bb.capacity() - this.space);
        }
        this.bb.setPosition(this.space);
    }
    /**
     * Finalize a size prefixed buffer, pointing to the given `root_table`.
     */
    finishSizePrefixed(root_table, opt_file_identifier) {
        this.finish(root_table, opt_file_identifier, true);
    }
    /**
     * This checks a required field has been set in a given table that has
     * just been constructed.
     */
    requiredField(table, field) {
        const table_start = this.bb.capacity() - table;
        const vtable_start = table_start - this.bb.readInt32(table_start);
        const ok = field < this.bb.readInt16(vtable_start) &&
            this.bb.readInt16(vtable_start + field) != 0;
        // If this fails, the caller will show what field needs to be set.
        if (!ok) {
            throw new TypeError('FlatBuffers: field ' + field + ' must be set');
        }
    }
    /**
     * Start a new array/vector of objects.  Users usually will not call
     * this directly. The FlatBuffers compiler will create a start/end
     * method for vector types in generated code.
     *
     * @param elem_size The size of each element in the array
     * @param num_elems The number of elements in the array
     * @param alignment The alignment of the array
     */
    startVector(elem_size, num_elems, alignment) {
        this.notNested();
        this.vector_num_elems = num_elems;
        this.prep(constants_js_1.SIZEOF_INT, elem_size * num_elems);
        this.prep(alignment, elem_size * num_elems); // Just in case alignment > int.
    }
    /**
     * Finish off the creation of an array and all its elements. The array must be
     * created with `startVector`.
     *
     * @returns The offset at which the newly created array
     * starts.
     */
    endVector() {
        this.writeInt32(this.vector_num_elems);
        return this.offset();
    }
    /**
     * Encode the string `s` in the buffer using UTF-8. If the string passed has
     * already been seen, we return the offset of the already written string
     *
     * @param s The string to encode
     * @return The offset in the buffer where the encoded string starts
     */
    createSharedString(s) {
        if (!s) {
            return 0;
        }
        if (!this.string_maps) {
            this.string_maps = new Map();
        }
        if (this.string_maps.has(s)) {
            return this.string_maps.get(s);
        }
        const offset = this.createString(s);
        this.string_maps.set(s, offset);
        return offset;
    }
    /**
     * Encode the string `s` in the buffer using UTF-8. If a Uint8Array is passed
     * instead of a string, it is assumed to contain valid UTF-8 encoded data.
     *
     * @param s The string to encode
     * @return The offset in the buffer where the encoded string starts
     */
    createString(s) {
        if (s === null || s === undefined) {
            return 0;
        }
        let utf8;
        if (s instanceof Uint8Array) {
            utf8 = s;
        }
        else {
            utf8 = this.text_encoder.encode(s);
        }
        this.addInt8(0);
        this.startVector(1, utf8.length, 1);
        this.bb.setPosition((this.space -= utf8.length));
        this.bb.bytes().set(utf8, this.space);
        return this.endVector();
    }
    /**
     * Create a byte vector.
     *
     * @param v The bytes to add
     * @returns The offset in the buffer where the byte vector starts
     */
    createByteVector(v) {
        if (v === null || v === undefined) {
            return 0;
        }
        this.startVector(1, v.length, 1);
        this.bb.setPosition((this.space -= v.length));
        this.bb.bytes().set(v, this.space);
        return this.endVector();
    }
    /**
     * A helper function to pack an object
     *
     * @returns offset of obj
     */
    createObjectOffset(obj) {
        if (obj === null) {
            return 0;
        }
        if (typeof obj === 'string') {
            return this.createString(obj);
        }
        else {
            return obj.pack(this);
        }
    }
    /**
     * A helper function to pack a list of object
     *
     * @returns list of offsets of each non null object
     */
    createObjectOffsetList(list) {
        const ret = [];
        for (let i = 0; i < list.length; ++i) {
            const val = list[i];
            if (val !== null) {
                ret.push(this.createObjectOffset(val));
            }
            else {
                throw new TypeError('FlatBuffers: Argument for createObjectOffsetList cannot contain null.');
            }
        }
        return ret;
    }
    createStructOffsetList(list, startFunc) {
        startFunc(this, list.length);
        this.createObjectOffsetList(list.slice().reverse());
        return this.endVector();
    }
}
exports.Builder = Builder;


/***/ }),

/***/ 503:
/***/ ((__unused_webpack_module, exports, __nccwpck_require__) => {


Object.defineProperty(exports, "__esModule", ({ value: true }));
exports.ByteBuffer = void 0;
const constants_js_1 = __nccwpck_require__(957);
const encoding_js_1 = __nccwpck_require__(631);
const utils_js_1 = __nccwpck_require__(321);
class ByteBuffer {
    /**
     * Create a new ByteBuffer with a given array of bytes (`Uint8Array`)
     */
    constructor(bytes_) {
        this.bytes_ = bytes_;
        this.position_ = 0;
        this.text_decoder_ = new TextDecoder();
    }
    /**
     * Create and allocate a new ByteBuffer with a given size.
     */
    static allocate(byte_size) {
        return new ByteBuffer(new Uint8Array(byte_size));
    }
    clear() {
        this.position_ = 0;
    }
    /**
     * Get the underlying `Uint8Array`.
     */
    bytes() {
        return this.bytes_;
    }
    /**
     * Get the buffer's position.
     */
    position() {
        return this.position_;
    }
    /**
     * Set the buffer's position.
     */
    setPosition(position) {
        this.position_ = position;
    }
    /**
     * Get the buffer's capacity.
     */
    capacity() {
        return this.bytes_.length;
    }
    readInt8(offset) {
        return (this.readUint8(offset) << 24) >> 24;
    }
    readUint8(offset) {
        return this.bytes_[offset];
    }
    readInt16(offset) {
        return (this.readUint16(offset) << 16) >> 16;
    }
    readUint16(offset) {
        return this.bytes_[offset] | (this.bytes_[offset + 1] << 8);
    }
    readInt32(offset) {
        return (this.bytes_[offset] |
            (this.bytes_[offset + 1] << 8) |
            (this.bytes_[offset + 2] << 16) |
            (this.bytes_[offset + 3] << 24));
    }
    readUint32(offset) {
        return this.readInt32(offset) >>> 0;
    }
    readInt64(offset) {
        return BigInt.asIntN(64, BigInt(this.readUint32(offset)) +
            (BigInt(this.readUint32(offset + 4)) << BigInt(32)));
    }
    readUint64(offset) {
        return BigInt.asUintN(64, BigInt(this.readUint32(offset)) +
            (BigInt(this.readUint32(offset + 4)) << BigInt(32)));
    }
    readFloat32(offset) {
        utils_js_1.int32[0] = this.readInt32(offset);
        return utils_js_1.float32[0];
    }
    readFloat64(offset) {
        utils_js_1.int32[utils_js_1.isLittleEndian ? 0 : 1] = this.readInt32(offset);
        utils_js_1.int32[utils_js_1.isLittleEndian ? 1 : 0] = this.readInt32(offset + 4);
        return utils_js_1.float64[0];
    }
    writeInt8(offset, value) {
        this.bytes_[offset] = value;
    }
    writeUint8(offset, value) {
        this.bytes_[offset] = value;
    }
    writeInt16(offset, value) {
        this.bytes_[offset] = value;
        this.bytes_[offset + 1] = value >> 8;
    }
    writeUint16(offset, value) {
        this.bytes_[offset] = value;
        this.bytes_[offset + 1] = value >> 8;
    }
    writeInt32(offset, value) {
        this.bytes_[offset] = value;
        this.bytes_[offset + 1] = value >> 8;
        this.bytes_[offset + 2] = value >> 16;
        this.bytes_[offset + 3] = value >> 24;
    }
    writeUint32(offset, value) {
        this.bytes_[offset] = value;
        this.bytes_[offset + 1] = value >> 8;
        this.bytes_[offset + 2] = value >> 16;
        this.bytes_[offset + 3] = value >> 24;
    }
    writeInt64(offset, value) {
        this.writeInt32(offset, Number(BigInt.asIntN(32, value)));
        this.writeInt32(offset + 4, Number(BigInt.asIntN(32, value >> BigInt(32))));
    }
    writeUint64(offset, value) {
        this.writeUint32(offset, Number(BigInt.asUintN(32, value)));
        this.writeUint32(offset + 4, Number(BigInt.asUintN(32, value >> BigInt(32))));
    }
    writeFloat32(offset, value) {
        utils_js_1.float32[0] = value;
        this.writeInt32(offset, utils_js_1.int32[0]);
    }
    writeFloat64(offset, value) {
        utils_js_1.float64[0] = value;
        this.writeInt32(offset, utils_js_1.int32[utils_js_1.isLittleEndian ? 0 : 1]);
        this.writeInt32(offset + 4, utils_js_1.int32[utils_js_1.isLittleEndian ? 1 : 0]);
    }
    /**
     * Return the file identifier.   Behavior is undefined for FlatBuffers whose
     * schema does not include a file_identifier (likely points at padding or the
     * start of a the root vtable).
     */
    getBufferIdentifier() {
        if (this.bytes_.length <
            this.position_ + constants_js_1.SIZEOF_INT + constants_js_1.FILE_IDENTIFIER_LENGTH) {
            throw new Error('FlatBuffers: ByteBuffer is too short to contain an identifier.');
        }
        let result = '';
        for (let i = 0; i < constants_js_1.FILE_IDENTIFIER_LENGTH; i++) {
            result += String.fromCharCode(this.readInt8(this.position_ + constants_js_1.SIZEOF_INT + i));
        }
        return result;
    }
    /**
     * Look up a field in the vtable, return an offset into the object, or 0 if the
     * field is not present.
     */
    __offset(bb_pos, vtable_offset) {
        const vtable = bb_pos - this.readInt32(bb_pos);
        return vtable_offset < this.readInt16(vtable)
            ? this.readInt16(vtable + vtable_offset)
            : 0;
    }
    /**
     * Initialize any Table-derived type to point to the union at the given offset.
     */
    __union(t, offset) {
        t.bb_pos = offset + this.readInt32(offset);
        t.bb = this;
        return t;
    }
    /**
     * Create a JavaScript string from UTF-8 data stored inside the FlatBuffer.
     * This allocates a new string and converts to wide chars upon each access.
     *
     * To avoid the conversion to string, pass Encoding.UTF8_BYTES as the
     * "optionalEncoding" argument. This is useful for avoiding conversion when
     * the data will just be packaged back up in another FlatBuffer later on.
     *
     * @param offset
     * @param opt_encoding Defaults to UTF16_STRING
     */
    __string(offset, opt_encoding) {
        offset += this.readInt32(offset);
        const length = this.readInt32(offset);
        offset += constants_js_1.SIZEOF_INT;
        const utf8bytes = this.bytes_.subarray(offset, offset + length);
        if (opt_encoding === encoding_js_1.Encoding.UTF8_BYTES)
            return utf8bytes;
        else
            return this.text_decoder_.decode(utf8bytes);
    }
    /**
     * Handle unions that can contain string as its member, if a Table-derived type then initialize it,
     * if a string then return a new one
     *
     * WARNING: strings are immutable in JS so we can't change the string that the user gave us, this
     * makes the behaviour of __union_with_string different compared to __union
     */
    __union_with_string(o, offset) {
        if (typeof o === 'string') {
            return this.__string(offset);
        }
        return this.__union(o, offset);
    }
    /**
     * Retrieve the relative offset stored at "offset"
     */
    __indirect(offset) {
        return offset + this.readInt32(offset);
    }
    /**
     * Get the start of data of a vector whose offset is stored at "offset" in this object.
     */
    __vector(offset) {
        return offset + this.readInt32(offset) + constants_js_1.SIZEOF_INT; // data starts after the length
    }
    /**
     * Get the length of a vector whose offset is stored at "offset" in this object.
     */
    __vector_len(offset) {
        return this.readInt32(offset + this.readInt32(offset));
    }
    __has_identifier(ident) {
        if (ident.length != constants_js_1.FILE_IDENTIFIER_LENGTH) {
            throw new Error('FlatBuffers: file identifier must be length ' + constants_js_1.FILE_IDENTIFIER_LENGTH);
        }
        for (let i = 0; i < constants_js_1.FILE_IDENTIFIER_LENGTH; i++) {
            if (ident.charCodeAt(i) != this.readInt8(this.position() + constants_js_1.SIZEOF_INT + i)) {
                return false;
            }
        }
        return true;
    }
    /**
     * A helper function for generating list for obj api
     */
    createScalarList(listAccessor, listLength) {
        const ret = [];
        for (let i = 0; i < listLength; ++i) {
            const val = listAccessor(i);
            if (val !== null) {
                ret.push(val);
            }
        }
        return ret;
    }
    /**
     * A helper function for generating list for obj api
     * @param listAccessor function that accepts an index and return data at that index
     * @param listLength listLength
     * @param res result list
     */
    createObjList(listAccessor, listLength) {
        const ret = [];
        for (let i = 0; i < listLength; ++i) {
            const val = listAccessor(i);
            if (val !== null) {
                ret.push(val.unpack());
            }
        }
        return ret;
    }
}
exports.ByteBuffer = ByteBuffer;


/***/ }),

/***/ 957:
/***/ ((__unused_webpack_module, exports) => {


Object.defineProperty(exports, "__esModule", ({ value: true }));
exports.SIZE_PREFIX_LENGTH = exports.FILE_IDENTIFIER_LENGTH = exports.SIZEOF_INT = exports.SIZEOF_SHORT = void 0;
exports.SIZEOF_SHORT = 2;
exports.SIZEOF_INT = 4;
exports.FILE_IDENTIFIER_LENGTH = 4;
exports.SIZE_PREFIX_LENGTH = 4;


/***/ }),

/***/ 631:
/***/ ((__unused_webpack_module, exports) => {


Object.defineProperty(exports, "__esModule", ({ value: true }));
exports.Encoding = void 0;
var Encoding;
(function (Encoding) {
    Encoding[Encoding["UTF8_BYTES"] = 1] = "UTF8_BYTES";
    Encoding[Encoding["UTF16_STRING"] = 2] = "UTF16_STRING";
})(Encoding || (exports.Encoding = Encoding = {}));


/***/ }),

/***/ 558:
/***/ ((__unused_webpack_module, exports, __nccwpck_require__) => {

var __webpack_unused_export__;

__webpack_unused_export__ = ({ value: true });
__webpack_unused_export__ = __webpack_unused_export__ = exports.M$ = __webpack_unused_export__ = __webpack_unused_export__ = __webpack_unused_export__ = __webpack_unused_export__ = exports.kc = __webpack_unused_export__ = __webpack_unused_export__ = __webpack_unused_export__ = void 0;
var constants_js_1 = __nccwpck_require__(957);
__webpack_unused_export__ = ({ enumerable: true, get: function () { return constants_js_1.FILE_IDENTIFIER_LENGTH; } });
__webpack_unused_export__ = ({ enumerable: true, get: function () { return constants_js_1.SIZEOF_INT; } });
__webpack_unused_export__ = ({ enumerable: true, get: function () { return constants_js_1.SIZEOF_SHORT; } });
Object.defineProperty(exports, "kc", ({ enumerable: true, get: function () { return constants_js_1.SIZE_PREFIX_LENGTH; } }));
var utils_js_1 = __nccwpck_require__(321);
__webpack_unused_export__ = ({ enumerable: true, get: function () { return utils_js_1.float32; } });
__webpack_unused_export__ = ({ enumerable: true, get: function () { return utils_js_1.float64; } });
__webpack_unused_export__ = ({ enumerable: true, get: function () { return utils_js_1.int32; } });
__webpack_unused_export__ = ({ enumerable: true, get: function () { return utils_js_1.isLittleEndian; } });
var builder_js_1 = __nccwpck_require__(71);
Object.defineProperty(exports, "M$", ({ enumerable: true, get: function () { return builder_js_1.Builder; } }));
var byte_buffer_js_1 = __nccwpck_require__(503);
__webpack_unused_export__ = ({ enumerable: true, get: function () { return byte_buffer_js_1.ByteBuffer; } });
var encoding_js_1 = __nccwpck_require__(631);
__webpack_unused_export__ = ({ enumerable: true, get: function () { return encoding_js_1.Encoding; } });


/***/ }),

/***/ 321:
/***/ ((__unused_webpack_module, exports) => {


Object.defineProperty(exports, "__esModule", ({ value: true }));
exports.isLittleEndian = exports.float64 = exports.float32 = exports.int32 = void 0;
exports.int32 = new Int32Array(2);
exports.float32 = new Float32Array(exports.int32.buffer);
exports.float64 = new Float64Array(exports.int32.buffer);
exports.isLittleEndian = new Uint16Array(new Uint8Array([1, 0]).buffer)[0] === 1;


/***/ }),

/***/ 399:
/***/ ((module, __unused_webpack___webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(module, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony import */ var _prometheus_actions_dataset_lane_thread__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(737);
var __webpack_async_dependencies__ = __webpack_handle_async_dependencies__([_prometheus_actions_dataset_lane_thread__WEBPACK_IMPORTED_MODULE_0__]);
_prometheus_actions_dataset_lane_thread__WEBPACK_IMPORTED_MODULE_0__ = (__webpack_async_dependencies__.then ? (await __webpack_async_dependencies__)() : __webpack_async_dependencies__)[0];


__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } });

/***/ }),

/***/ 775:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  L: () => (/* binding */ FrameBuilder)
});

// EXTERNAL MODULE: ./packages/dataset/src/arrow-message.ts + 24 modules
var arrow_message = __nccwpck_require__(487);
// EXTERNAL MODULE: ./packages/dataset/src/json-string.ts
var json_string = __nccwpck_require__(552);
;// CONCATENATED MODULE: ./packages/dataset/src/utf8-buffer.ts
/** UTF-8 text that grows at its end. */
class Utf8Buffer {
    /** Storage: text up to `length`, then room. Replaced by a larger one when it grows. */
    bytes;
    /** The storage as numbers of several bytes. */
    view;
    /** Bytes of text. */
    length = 0;
    /** @param bytes storage to begin with */
    constructor(bytes) {
        this.bytes = Buffer.allocUnsafeSlow(bytes);
        this.view = viewOf(this.bytes);
    }
    /** Append well-formed text. */
    write(text) {
        this.reserve(text.length * 3);
        this.length += this.bytes.write(text, this.length, 'utf8');
    }
    /** Append text that is UTF-8 already. */
    append(text) {
        this.reserve(text.length);
        this.bytes.set(text, this.length);
        this.length += text.length;
    }
    /** Append one character. @param code none of a surrogate */
    appendCodePoint(code) {
        this.reserve(4);
        const { bytes } = this;
        if (code < 0x80) {
            bytes[this.length++] = code;
            return;
        }
        if (code < 0x800)
            bytes[this.length++] = 0xc0 | (code >> 6);
        else {
            if (code < 0x10000)
                bytes[this.length++] = 0xe0 | (code >> 12);
            else {
                bytes[this.length++] = 0xf0 | (code >> 18);
                bytes[this.length++] = 0x80 | ((code >> 12) & 0x3f);
            }
            bytes[this.length++] = 0x80 | ((code >> 6) & 0x3f);
        }
        bytes[this.length++] = 0x80 | (code & 0x3f);
    }
    /** Make room for so many bytes more. */
    reserve(bytes) {
        if (this.length + bytes <= this.bytes.length)
            return;
        const grown = Buffer.allocUnsafeSlow(Math.max(this.length + bytes, this.bytes.length * 2));
        this.bytes.copy(grown, 0, 0, this.length);
        this.bytes = grown;
        this.view = viewOf(grown);
    }
}
function viewOf(bytes) {
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

;// CONCATENATED MODULE: ./packages/dataset/src/arrow-columns.ts



/** @param textBytes storage that a column of text begins with */
function createColumn(type, textBytes) {
    switch (type) {
        case 'string':
            return new Utf8Column(textBytes);
        case 'int64':
            return new Int64Column();
        case 'float64':
            return new Float64Column();
        case 'bool':
            return new BoolColumn();
        case 'null':
            return new NullColumn();
    }
}
/** Bits, one a row, set where a condition holds. */
class Bits {
    #bytes = new Uint8Array(128);
    set(row, on) {
        if (row >> 3 >= this.#bytes.length) {
            const bytes = new Uint8Array(this.#bytes.length * 2);
            bytes.set(this.#bytes);
            this.#bytes = bytes;
        }
        if (on)
            this.#bytes[row >> 3] |= 1 << (row & 7);
        else
            this.#bytes[row >> 3] &= ~(1 << (row & 7));
    }
    isSet(row) {
        return (this.#bytes[row >> 3] & (1 << (row & 7))) !== 0;
    }
    /** The first `rows` bits in whole words, those beyond cleared. */
    finish(rows) {
        const bytes = new Uint8Array(8 * Math.ceil(rows / 64));
        bytes.set(this.#bytes.subarray(0, (rows + 7) >> 3));
        if (rows % 8 !== 0)
            bytes[rows >> 3] &= (1 << (rows % 8)) - 1;
        return bytes;
    }
}
/** Which cells hold a value. */
class Validity {
    #bits = new Bits();
    #rows = 0;
    #nulls = 0;
    append(valid) {
        this.#bits.set(this.#rows++, valid);
        if (!valid)
            this.#nulls++;
    }
    dropLast() {
        if (!this.last())
            this.#nulls--;
        this.#rows--;
    }
    /** Whether the last cell holds a value. */
    last() {
        return this.#bits.isSet(this.#rows - 1);
    }
    /** @param values the column's other buffers */
    finish(...values) {
        const length = this.#rows;
        const nullCount = this.#nulls;
        this.#rows = 0;
        this.#nulls = 0;
        const valid = nullCount > 0 ? this.#bits.finish(length) : new Uint8Array(0);
        return { length, nullCount, buffers: [valid, ...values] };
    }
}
/** Text as UTF-8, appended as a string, from JSON text, or copied as bytes from another column. */
class Utf8Column {
    #validity = new Validity();
    #text;
    #offsets = new Int32Array(1024);
    #rows = 0;
    /** @param bytes storage to begin with */
    constructor(bytes) {
        this.#text = new Utf8Buffer(bytes);
    }
    append(cell) {
        if (cell !== null)
            this.#text.write(cell);
        this.#endCell(cell !== null);
    }
    /** Append one cell made of pieces of UTF-8. */
    appendBytes(...pieces) {
        for (const piece of pieces)
            this.#text.append(piece);
        this.#endCell(true);
    }
    /** Append what a JSON string says, as {@link appendJsonString} does; false, and nothing appended, where that fails. */
    appendJson(json) {
        if ((0,json_string/* appendJsonString */.w)(json, this.#text)) {
            this.#endCell(true);
            return true;
        }
        this.#text.length = this.#offsets[this.#rows];
        return false;
    }
    dropLast() {
        this.#text.length = this.#offsets[--this.#rows];
        this.#validity.dropLast();
    }
    /** UTF-8 of the cell appended last; null where it is null. Valid until the next one is appended. */
    last() {
        if (!this.#validity.last())
            return null;
        return this.#text.bytes.subarray(this.#offsets[this.#rows - 1], this.#text.length);
    }
    finish() {
        const array = this.#validity.finish((0,arrow_message/* bytesOf */.$$)(this.#offsets.subarray(0, this.#rows + 1)), this.#text.bytes.subarray(0, this.#text.length));
        this.#rows = 0;
        this.#text.length = 0;
        return array;
    }
    #endCell(valid) {
        if (this.#rows + 2 > this.#offsets.length) {
            const offsets = new Int32Array(this.#offsets.length * 2);
            offsets.set(this.#offsets);
            this.#offsets = offsets;
        }
        this.#offsets[++this.#rows] = this.#text.length;
        this.#validity.append(valid);
    }
}
class Int64Column {
    #validity = new Validity();
    #values = [];
    append(cell) {
        this.#values.push(cell ?? 0n);
        this.#validity.append(cell !== null);
    }
    dropLast() {
        this.#values.pop();
        this.#validity.dropLast();
    }
    finish() {
        const values = BigInt64Array.from(this.#values);
        this.#values = [];
        return this.#validity.finish((0,arrow_message/* bytesOf */.$$)(values));
    }
}
class Float64Column {
    #validity = new Validity();
    #values = [];
    append(cell) {
        this.#values.push(cell ?? 0);
        this.#validity.append(cell !== null);
    }
    dropLast() {
        this.#values.pop();
        this.#validity.dropLast();
    }
    finish() {
        const values = Float64Array.from(this.#values);
        this.#values = [];
        return this.#validity.finish((0,arrow_message/* bytesOf */.$$)(values));
    }
}
class BoolColumn {
    #validity = new Validity();
    #bits = new Bits();
    #rows = 0;
    append(cell) {
        this.#bits.set(this.#rows++, cell === true);
        this.#validity.append(cell !== null);
    }
    dropLast() {
        this.#rows--;
        this.#validity.dropLast();
    }
    finish() {
        const bits = this.#bits.finish(this.#rows);
        this.#rows = 0;
        return this.#validity.finish(bits);
    }
}
class NullColumn {
    #rows = 0;
    append() {
        this.#rows++;
    }
    dropLast() {
        this.#rows--;
    }
    finish() {
        const length = this.#rows;
        this.#rows = 0;
        return { length, nullCount: length, buffers: [] };
    }
}
/** A list of messages a row. */
class MessagesColumn {
    #content;
    #role = new Utf8Column(ROLE_BYTES);
    #ends = [0];
    #messages = 0;
    /** @param bytes storage for text to begin with */
    constructor(bytes) {
        this.#content = new Utf8Column(bytes);
    }
    addText(content, role) {
        this.#content.append(content);
        this.#role.append(role);
        this.#messages++;
    }
    /** Add a message whose content is made of pieces of UTF-8. */
    addBytes(role, ...pieces) {
        this.#content.appendBytes(...pieces);
        this.#role.append(role);
        this.#messages++;
    }
    endRow() {
        this.#ends.push(this.#messages);
    }
    finish() {
        const noNulls = new Uint8Array(0);
        const messages = {
            length: this.#messages,
            nullCount: 0,
            buffers: [noNulls],
            children: [this.#content.finish(), this.#role.finish()],
        };
        const ends = Int32Array.from(this.#ends);
        this.#ends = [0];
        this.#messages = 0;
        return { length: ends.length - 1, nullCount: 0, buffers: [noNulls, (0,arrow_message/* bytesOf */.$$)(ends)], children: [messages] };
    }
}
/** For two messages in each of 1,000 rows. */
const ROLE_BYTES = 1 << 14;

// EXTERNAL MODULE: ./packages/dataset/src/sources/json-row-scanner.ts
var json_row_scanner = __nccwpck_require__(501);
;// CONCATENATED MODULE: ./packages/dataset/src/row-transcriber.ts




/**
 * Appends rows to columns straight from their JSON text: text goes from the bytes of the file to the bytes of Arrow, and
 * never is a string of JavaScript.
 *
 * It takes rows of text, numbers, true, false and null, whose structure was checked when they were indexed. A row that
 * has anything else, or is not as JSON wants it, is left to `decodeRow`, which reads all that is valid and tells what is
 * wrong with the rest.
 */
class RowTranscriber {
    #columns;
    #types;
    #byName;
    /** The keys of the last row by their place, for rows mostly repeat them. */
    #keys = [];
    /** The row in which each column was last appended to. */
    #seen;
    #row = 0;
    /** Takes text that no column wants, and so checks it. */
    #unwanted = new Utf8Buffer(UNWANTED_BYTES);
    /** @param cells to append to, one for each of the columns */
    constructor(columns, cells) {
        this.#columns = cells;
        this.#types = columns.map(({ type }) => type);
        this.#byName = new Map(columns.map(({ name }, i) => [name, i]));
        this.#seen = new Uint32Array(columns.length);
    }
    /** Append one row; false, and nothing appended, for a row that is left to `decodeRow`. */
    appendRow(json) {
        this.#row++;
        const whole = this.#appendCells(json) && json.at === json.end;
        for (let column = 0; column < this.#columns.length; column++) {
            const appended = this.#seen[column] === this.#row;
            if (whole && !appended)
                this.#columns[column]?.append(null);
            else if (!whole && appended)
                this.#columns[column]?.dropLast();
        }
        return whole;
    }
    #appendCells(json) {
        const { bytes } = json;
        json.at = (0,json_row_scanner/* skipSpace */.AN)(bytes, json.at + 1);
        if (bytes[json.at] === json_row_scanner/* Byte */.x5.closeBrace) {
            json.at++;
            return true;
        }
        for (let place = 0;; place++) {
            const key = this.#passKey(json, place);
            if (key === undefined)
                return false;
            json.at = (0,json_row_scanner/* skipSpace */.AN)(bytes, json.at);
            if (bytes[json.at] !== json_row_scanner/* Byte */.x5.colon)
                return false;
            json.at = (0,json_row_scanner/* skipSpace */.AN)(bytes, json.at + 1);
            if (!this.#appendCell(json, key.column))
                return false;
            json.at = (0,json_row_scanner/* skipSpace */.AN)(bytes, json.at);
            const separator = bytes[json.at++];
            if (separator === json_row_scanner/* Byte */.x5.closeBrace)
                return true;
            if (separator !== json_row_scanner/* Byte */.x5.comma)
                return false;
            json.at = (0,json_row_scanner/* skipSpace */.AN)(bytes, json.at);
        }
    }
    /** The key at hand; undefined where there is none. */
    #passKey(json, place) {
        let key = this.#keys[place];
        if (!key || !standsAt(key.literal, json)) {
            key = this.#readKey(json);
            if (key === undefined)
                return undefined;
            this.#keys[place] = key;
        }
        json.at += key.literal.length;
        return key;
    }
    #readKey({ bytes, at }) {
        const end = (0,json_row_scanner/* closingQuote */.m2)(bytes, at + 1);
        if (end === json_row_scanner/* INCOMPLETE */.j5)
            return undefined;
        const literal = Buffer.from(bytes.subarray(at, end + 1));
        const name = parsed(literal.toString());
        return typeof name === 'string' ? { literal, column: this.#byName.get(name) } : undefined;
    }
    #appendCell(json, column) {
        const isText = json.bytes[json.at] === json_row_scanner/* Byte */.x5.quote;
        if (column === undefined)
            return isText ? this.#passText(json) : plainCell(json, undefined) !== undefined;
        if (this.#seen[column] === this.#row)
            return false;
        const cells = this.#columns[column];
        if (isText) {
            json.at++;
            if (!(cells instanceof Utf8Column) || !cells.appendJson(json))
                return false;
        }
        else {
            const cell = plainCell(json, this.#types[column]);
            if (cell === undefined)
                return false;
            cells.append(cell);
        }
        this.#seen[column] = this.#row;
        return true;
    }
    #passText(json) {
        json.at++;
        this.#unwanted.length = 0;
        return (0,json_string/* appendJsonString */.w)(json, this.#unwanted);
    }
}
const UNWANTED_BYTES = 1 << 14;
function standsAt(literal, { bytes, at }) {
    for (let i = 0; i < literal.length; i++)
        if (bytes[at + i] !== literal[i])
            return false;
    return true;
}
/** Pass a number, true, false or null. @returns undefined where it is none that the column takes */
function plainCell(json, type) {
    const start = json.at;
    while (isOfToken(json.bytes[json.at]))
        json.at++;
    const token = json.bytes.toString('latin1', start, json.at);
    const value = parsed(token);
    if (value === null)
        return null;
    if (typeof value === 'boolean')
        return type === 'bool' || type === undefined ? value : undefined;
    if (typeof value !== 'number')
        return undefined;
    if (type === 'int64')
        return /^-?\d+$/.test(token) ? BigInt(token) : undefined;
    return type === 'float64' || type === undefined ? value : undefined;
}
/** Letters, digits and the signs of numbers. */
function isOfToken(byte) {
    if (byte === undefined)
        return false;
    const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    return isLetter || (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e;
}
/** What JSON text says; undefined where it is none. */
function parsed(text) {
    try {
        return JSON.parse(text);
    }
    catch {
        return undefined;
    }
}

;// CONCATENATED MODULE: ./packages/dataset/src/arrow-batch.ts



/**
 * Builds record batches of the prepared frame: the source's columns, `messages`, and with a split the original row.
 *
 * A batch shares the builder's buffers: it is valid until the next row is appended after `finish`.
 */
class FrameBuilder {
    /** By the index of the column; undefined where the messages are, which have a column of their own. */
    #columns;
    #kept;
    /** Undefined where rows hold messages, which are checked as values. */
    #transcriber;
    #messages;
    #settings;
    #prefix;
    #rowNumbers;
    #rows = 0;
    /**
     * @param withRowNumbers adds the original row
     * @param batchBytes text that a batch holds, mostly
     */
    constructor(columns, messages, withRowNumbers, batchBytes) {
        const textBytes = Math.ceil(batchBytes / columns.length);
        this.#columns = columns.map(({ type }) => type === 'messages' ? undefined : createColumn(type, textBytes));
        this.#kept = this.#columns.filter((column, i) => column !== undefined && columns[i]?.kept);
        if (!('messages' in messages)) {
            this.#transcriber = new RowTranscriber(columns, this.#columns);
        }
        this.#messages = new MessagesColumn(batchBytes);
        this.#settings = messages;
        const prompt = 'messages' in messages ? undefined : messages.systemPrompt;
        this.#prefix = Buffer.from(prompt === undefined ? '' : `${prompt}\n\n`);
        this.#rowNumbers = withRowNumbers ? new Int64Column() : undefined;
    }
    /** Appended since the last batch. */
    get rows() {
        return this.#rows;
    }
    /** Append a row given by its cells. */
    append(cells, originalRow) {
        for (let i = 0; i < cells.length; i++)
            this.#columns[i]?.append(cells[i]);
        if ('messages' in this.#settings) {
            const conversation = cells[this.#settings.messages];
            for (const { content, role } of conversation)
                this.#messages.addText(content, role);
        }
        else
            this.#appendTexts(this.#settings);
        this.#endRow(originalRow);
    }
    /** Append a row given by its JSON text. @returns whether that was done: for other rows there is `append` */
    appendJson(json, originalRow) {
        if ('messages' in this.#settings || !this.#transcriber?.appendRow(json))
            return false;
        this.#appendTexts(this.#settings);
        this.#endRow(originalRow);
        return true;
    }
    /** UTF-8 of a text column in the row appended last, valid until the next one; null where it holds null. */
    lastText(column) {
        return this.#columns[column].last();
    }
    /** The message of the batch, in pieces. */
    finish() {
        for (const column of this.#columns)
            if (column && !this.#kept.includes(column))
                column.finish();
        const columns = [...this.#kept, this.#messages, ...(this.#rowNumbers ? [this.#rowNumbers] : [])];
        const rows = this.#rows;
        this.#rows = 0;
        return (0,arrow_message/* recordBatchMessage */.rS)(rows, columns.map((column) => column.finish()));
    }
    #appendTexts({ user, assistant }) {
        this.#messages.addBytes('user', this.#prefix, this.lastText(user));
        this.#messages.addBytes('assistant', this.lastText(assistant));
    }
    #endRow(originalRow) {
        this.#messages.endRow();
        this.#rowNumbers?.append(BigInt(originalRow));
        this.#rows++;
    }
}


/***/ }),

/***/ 487:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  Vz: () => (/* binding */ END_OF_STREAM),
  $$: () => (/* binding */ bytesOf),
  rS: () => (/* binding */ recordBatchMessage),
  NK: () => (/* binding */ schemaMessage)
});

// EXTERNAL MODULE: ./node_modules/flatbuffers/js/flatbuffers.js
var flatbuffers = __nccwpck_require__(558);
;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/bool.mjs
// automatically generated by the FlatBuffers compiler, do not modify

class bool_Bool {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsBool(bb, obj) {
        return (obj || new bool_Bool()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsBool(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new bool_Bool()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static startBool(builder) {
        builder.startObject(0);
    }
    static endBool(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createBool(builder) {
        bool_Bool.startBool(builder);
        return bool_Bool.endBool(builder);
    }
}

//# sourceMappingURL=bool.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/buffer.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/**
 * ----------------------------------------------------------------------
 * A Buffer represents a single contiguous memory segment
 */
class Buffer {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    /**
     * The relative offset into the shared memory page where the bytes for this
     * buffer starts
     */
    offset() {
        return this.bb.readInt64(this.bb_pos);
    }
    /**
     * The absolute length (in bytes) of the memory buffer. The memory is found
     * from offset (inclusive) to offset + length (non-inclusive). When building
     * messages using the encapsulated IPC message, padding bytes may be written
     * after a buffer, but such padding bytes do not need to be accounted for in
     * the size here.
     */
    length() {
        return this.bb.readInt64(this.bb_pos + 8);
    }
    static sizeOf() {
        return 16;
    }
    static createBuffer(builder, offset, length) {
        builder.prep(8, 16);
        builder.writeInt64(BigInt(length !== null && length !== void 0 ? length : 0));
        builder.writeInt64(BigInt(offset !== null && offset !== void 0 ? offset : 0));
        return builder.offset();
    }
}

//# sourceMappingURL=buffer.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/endianness.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/**
 * ----------------------------------------------------------------------
 * Endianness of the platform producing the data
 */
var Endianness;
(function (Endianness) {
    Endianness[Endianness["Little"] = 0] = "Little";
    Endianness[Endianness["Big"] = 1] = "Big";
})(Endianness || (Endianness = {}));

//# sourceMappingURL=endianness.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/dictionary-kind.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/**
 * ----------------------------------------------------------------------
 * Dictionary encoding metadata
 * Maintained for forwards compatibility, in the future
 * Dictionaries might be explicit maps between integers and values
 * allowing for non-contiguous index values
 */
var DictionaryKind;
(function (DictionaryKind) {
    DictionaryKind[DictionaryKind["DenseArray"] = 0] = "DenseArray";
})(DictionaryKind || (DictionaryKind = {}));

//# sourceMappingURL=dictionary-kind.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/int.mjs
// automatically generated by the FlatBuffers compiler, do not modify

class int_Int {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsInt(bb, obj) {
        return (obj || new int_Int()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsInt(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new int_Int()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    bitWidth() {
        const offset = this.bb.__offset(this.bb_pos, 4);
        return offset ? this.bb.readInt32(this.bb_pos + offset) : 0;
    }
    isSigned() {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? !!this.bb.readInt8(this.bb_pos + offset) : false;
    }
    static startInt(builder) {
        builder.startObject(2);
    }
    static addBitWidth(builder, bitWidth) {
        builder.addFieldInt32(0, bitWidth, 0);
    }
    static addIsSigned(builder, isSigned) {
        builder.addFieldInt8(1, +isSigned, +false);
    }
    static endInt(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createInt(builder, bitWidth, isSigned) {
        int_Int.startInt(builder);
        int_Int.addBitWidth(builder, bitWidth);
        int_Int.addIsSigned(builder, isSigned);
        return int_Int.endInt(builder);
    }
}

//# sourceMappingURL=int.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/dictionary-encoding.mjs
// automatically generated by the FlatBuffers compiler, do not modify



class DictionaryEncoding {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsDictionaryEncoding(bb, obj) {
        return (obj || new DictionaryEncoding()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsDictionaryEncoding(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new DictionaryEncoding()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    /**
     * The known dictionary id in the application where this data is used. In
     * the file or streaming formats, the dictionary ids are found in the
     * DictionaryBatch messages
     */
    id() {
        const offset = this.bb.__offset(this.bb_pos, 4);
        return offset ? this.bb.readInt64(this.bb_pos + offset) : BigInt('0');
    }
    /**
     * The dictionary indices are constrained to be non-negative integers. If
     * this field is null, the indices must be signed int32. To maximize
     * cross-language compatibility and performance, implementations are
     * recommended to prefer signed integer types over unsigned integer types
     * and to avoid uint64 indices unless they are required by an application.
     */
    indexType(obj) {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? (obj || new int_Int()).__init(this.bb.__indirect(this.bb_pos + offset), this.bb) : null;
    }
    /**
     * By default, dictionaries are not ordered, or the order does not have
     * semantic meaning. In some statistical, applications, dictionary-encoding
     * is used to represent ordered categorical data, and we provide a way to
     * preserve that metadata here
     */
    isOrdered() {
        const offset = this.bb.__offset(this.bb_pos, 8);
        return offset ? !!this.bb.readInt8(this.bb_pos + offset) : false;
    }
    dictionaryKind() {
        const offset = this.bb.__offset(this.bb_pos, 10);
        return offset ? this.bb.readInt16(this.bb_pos + offset) : DictionaryKind.DenseArray;
    }
    static startDictionaryEncoding(builder) {
        builder.startObject(4);
    }
    static addId(builder, id) {
        builder.addFieldInt64(0, id, BigInt('0'));
    }
    static addIndexType(builder, indexTypeOffset) {
        builder.addFieldOffset(1, indexTypeOffset, 0);
    }
    static addIsOrdered(builder, isOrdered) {
        builder.addFieldInt8(2, +isOrdered, +false);
    }
    static addDictionaryKind(builder, dictionaryKind) {
        builder.addFieldInt16(3, dictionaryKind, DictionaryKind.DenseArray);
    }
    static endDictionaryEncoding(builder) {
        const offset = builder.endObject();
        return offset;
    }
}

//# sourceMappingURL=dictionary-encoding.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/key-value.mjs
// automatically generated by the FlatBuffers compiler, do not modify

/**
 * ----------------------------------------------------------------------
 * user defined key value pairs to add custom metadata to arrow
 * key namespacing is the responsibility of the user
 */
class KeyValue {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsKeyValue(bb, obj) {
        return (obj || new KeyValue()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsKeyValue(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new KeyValue()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    key(optionalEncoding) {
        const offset = this.bb.__offset(this.bb_pos, 4);
        return offset ? this.bb.__string(this.bb_pos + offset, optionalEncoding) : null;
    }
    value(optionalEncoding) {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? this.bb.__string(this.bb_pos + offset, optionalEncoding) : null;
    }
    static startKeyValue(builder) {
        builder.startObject(2);
    }
    static addKey(builder, keyOffset) {
        builder.addFieldOffset(0, keyOffset, 0);
    }
    static addValue(builder, valueOffset) {
        builder.addFieldOffset(1, valueOffset, 0);
    }
    static endKeyValue(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createKeyValue(builder, keyOffset, valueOffset) {
        KeyValue.startKeyValue(builder);
        KeyValue.addKey(builder, keyOffset);
        KeyValue.addValue(builder, valueOffset);
        return KeyValue.endKeyValue(builder);
    }
}

//# sourceMappingURL=key-value.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/type.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/* eslint-disable @typescript-eslint/no-unused-vars, @typescript-eslint/no-explicit-any, @typescript-eslint/no-non-null-assertion */


























/**
 * ----------------------------------------------------------------------
 * Top-level Type value, enabling extensible type-specific metadata. We can
 * add new logical types to Type without breaking backwards compatibility
 */
var Type;
(function (Type) {
    Type[Type["NONE"] = 0] = "NONE";
    Type[Type["Null"] = 1] = "Null";
    Type[Type["Int"] = 2] = "Int";
    Type[Type["FloatingPoint"] = 3] = "FloatingPoint";
    Type[Type["Binary"] = 4] = "Binary";
    Type[Type["Utf8"] = 5] = "Utf8";
    Type[Type["Bool"] = 6] = "Bool";
    Type[Type["Decimal"] = 7] = "Decimal";
    Type[Type["Date"] = 8] = "Date";
    Type[Type["Time"] = 9] = "Time";
    Type[Type["Timestamp"] = 10] = "Timestamp";
    Type[Type["Interval"] = 11] = "Interval";
    Type[Type["List"] = 12] = "List";
    Type[Type["Struct_"] = 13] = "Struct_";
    Type[Type["Union"] = 14] = "Union";
    Type[Type["FixedSizeBinary"] = 15] = "FixedSizeBinary";
    Type[Type["FixedSizeList"] = 16] = "FixedSizeList";
    Type[Type["Map"] = 17] = "Map";
    Type[Type["Duration"] = 18] = "Duration";
    Type[Type["LargeBinary"] = 19] = "LargeBinary";
    Type[Type["LargeUtf8"] = 20] = "LargeUtf8";
    Type[Type["LargeList"] = 21] = "LargeList";
    Type[Type["RunEndEncoded"] = 22] = "RunEndEncoded";
    Type[Type["BinaryView"] = 23] = "BinaryView";
    Type[Type["Utf8View"] = 24] = "Utf8View";
    Type[Type["ListView"] = 25] = "ListView";
    Type[Type["LargeListView"] = 26] = "LargeListView";
})(Type || (Type = {}));
function unionToType(type, accessor) {
    switch (Type[type]) {
        case 'NONE': return null;
        case 'Null': return accessor(new Null());
        case 'Int': return accessor(new Int());
        case 'FloatingPoint': return accessor(new FloatingPoint());
        case 'Binary': return accessor(new Binary());
        case 'Utf8': return accessor(new Utf8());
        case 'Bool': return accessor(new Bool());
        case 'Decimal': return accessor(new Decimal());
        case 'Date': return accessor(new Date());
        case 'Time': return accessor(new Time());
        case 'Timestamp': return accessor(new Timestamp());
        case 'Interval': return accessor(new Interval());
        case 'List': return accessor(new List());
        case 'Struct_': return accessor(new Struct_());
        case 'Union': return accessor(new Union());
        case 'FixedSizeBinary': return accessor(new FixedSizeBinary());
        case 'FixedSizeList': return accessor(new FixedSizeList());
        case 'Map': return accessor(new Map());
        case 'Duration': return accessor(new Duration());
        case 'LargeBinary': return accessor(new LargeBinary());
        case 'LargeUtf8': return accessor(new LargeUtf8());
        case 'LargeList': return accessor(new LargeList());
        case 'RunEndEncoded': return accessor(new RunEndEncoded());
        case 'BinaryView': return accessor(new BinaryView());
        case 'Utf8View': return accessor(new Utf8View());
        case 'ListView': return accessor(new ListView());
        case 'LargeListView': return accessor(new LargeListView());
        default: return null;
    }
}
function unionListToType(type, accessor, index) {
    switch (Type[type]) {
        case 'NONE': return null;
        case 'Null': return accessor(index, new Null());
        case 'Int': return accessor(index, new Int());
        case 'FloatingPoint': return accessor(index, new FloatingPoint());
        case 'Binary': return accessor(index, new Binary());
        case 'Utf8': return accessor(index, new Utf8());
        case 'Bool': return accessor(index, new Bool());
        case 'Decimal': return accessor(index, new Decimal());
        case 'Date': return accessor(index, new Date());
        case 'Time': return accessor(index, new Time());
        case 'Timestamp': return accessor(index, new Timestamp());
        case 'Interval': return accessor(index, new Interval());
        case 'List': return accessor(index, new List());
        case 'Struct_': return accessor(index, new Struct_());
        case 'Union': return accessor(index, new Union());
        case 'FixedSizeBinary': return accessor(index, new FixedSizeBinary());
        case 'FixedSizeList': return accessor(index, new FixedSizeList());
        case 'Map': return accessor(index, new Map());
        case 'Duration': return accessor(index, new Duration());
        case 'LargeBinary': return accessor(index, new LargeBinary());
        case 'LargeUtf8': return accessor(index, new LargeUtf8());
        case 'LargeList': return accessor(index, new LargeList());
        case 'RunEndEncoded': return accessor(index, new RunEndEncoded());
        case 'BinaryView': return accessor(index, new BinaryView());
        case 'Utf8View': return accessor(index, new Utf8View());
        case 'ListView': return accessor(index, new ListView());
        case 'LargeListView': return accessor(index, new LargeListView());
        default: return null;
    }
}

//# sourceMappingURL=type.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/field.mjs
// automatically generated by the FlatBuffers compiler, do not modify




/**
 * ----------------------------------------------------------------------
 * A field represents a named column in a record / row batch or child of a
 * nested type.
 */
class Field {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsField(bb, obj) {
        return (obj || new Field()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsField(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new Field()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    name(optionalEncoding) {
        const offset = this.bb.__offset(this.bb_pos, 4);
        return offset ? this.bb.__string(this.bb_pos + offset, optionalEncoding) : null;
    }
    /**
     * Whether or not this field can contain nulls. Should be true in general.
     */
    nullable() {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? !!this.bb.readInt8(this.bb_pos + offset) : false;
    }
    typeType() {
        const offset = this.bb.__offset(this.bb_pos, 8);
        return offset ? this.bb.readUint8(this.bb_pos + offset) : Type.NONE;
    }
    /**
     * This is the type of the decoded value if the field is dictionary encoded.
     */
    type(obj) {
        const offset = this.bb.__offset(this.bb_pos, 10);
        return offset ? this.bb.__union(obj, this.bb_pos + offset) : null;
    }
    /**
     * Present only if the field is dictionary encoded.
     */
    dictionary(obj) {
        const offset = this.bb.__offset(this.bb_pos, 12);
        return offset ? (obj || new DictionaryEncoding()).__init(this.bb.__indirect(this.bb_pos + offset), this.bb) : null;
    }
    /**
     * children apply only to nested data types like Struct, List and Union. For
     * primitive types children will have length 0.
     */
    children(index, obj) {
        const offset = this.bb.__offset(this.bb_pos, 14);
        return offset ? (obj || new Field()).__init(this.bb.__indirect(this.bb.__vector(this.bb_pos + offset) + index * 4), this.bb) : null;
    }
    childrenLength() {
        const offset = this.bb.__offset(this.bb_pos, 14);
        return offset ? this.bb.__vector_len(this.bb_pos + offset) : 0;
    }
    /**
     * User-defined metadata
     */
    customMetadata(index, obj) {
        const offset = this.bb.__offset(this.bb_pos, 16);
        return offset ? (obj || new KeyValue()).__init(this.bb.__indirect(this.bb.__vector(this.bb_pos + offset) + index * 4), this.bb) : null;
    }
    customMetadataLength() {
        const offset = this.bb.__offset(this.bb_pos, 16);
        return offset ? this.bb.__vector_len(this.bb_pos + offset) : 0;
    }
    static startField(builder) {
        builder.startObject(7);
    }
    static addName(builder, nameOffset) {
        builder.addFieldOffset(0, nameOffset, 0);
    }
    static addNullable(builder, nullable) {
        builder.addFieldInt8(1, +nullable, +false);
    }
    static addTypeType(builder, typeType) {
        builder.addFieldInt8(2, typeType, Type.NONE);
    }
    static addType(builder, typeOffset) {
        builder.addFieldOffset(3, typeOffset, 0);
    }
    static addDictionary(builder, dictionaryOffset) {
        builder.addFieldOffset(4, dictionaryOffset, 0);
    }
    static addChildren(builder, childrenOffset) {
        builder.addFieldOffset(5, childrenOffset, 0);
    }
    static createChildrenVector(builder, data) {
        builder.startVector(4, data.length, 4);
        for (let i = data.length - 1; i >= 0; i--) {
            builder.addOffset(data[i]);
        }
        return builder.endVector();
    }
    static startChildrenVector(builder, numElems) {
        builder.startVector(4, numElems, 4);
    }
    static addCustomMetadata(builder, customMetadataOffset) {
        builder.addFieldOffset(6, customMetadataOffset, 0);
    }
    static createCustomMetadataVector(builder, data) {
        builder.startVector(4, data.length, 4);
        for (let i = data.length - 1; i >= 0; i--) {
            builder.addOffset(data[i]);
        }
        return builder.endVector();
    }
    static startCustomMetadataVector(builder, numElems) {
        builder.startVector(4, numElems, 4);
    }
    static endField(builder) {
        const offset = builder.endObject();
        return offset;
    }
}

//# sourceMappingURL=field.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/field-node.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/**
 * ----------------------------------------------------------------------
 * Data structures for describing a table row batch (a collection of
 * equal-length Arrow arrays)
 * Metadata about a field at some level of a nested type tree (but not
 * its children).
 *
 * For example, a List<Int16> with values `[[1, 2, 3], null, [4], [5, 6], null]`
 * would have {length: 5, null_count: 2} for its List node, and {length: 6,
 * null_count: 0} for its Int16 node, as separate FieldNode structs
 */
class FieldNode {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    /**
     * The number of value slots in the Arrow array at this level of a nested
     * tree
     */
    length() {
        return this.bb.readInt64(this.bb_pos);
    }
    /**
     * The number of observed nulls. Fields with null_count == 0 may choose not
     * to write their physical validity bitmap out as a materialized buffer,
     * instead setting the length of the bitmap buffer to 0.
     */
    nullCount() {
        return this.bb.readInt64(this.bb_pos + 8);
    }
    static sizeOf() {
        return 16;
    }
    static createFieldNode(builder, length, null_count) {
        builder.prep(8, 16);
        builder.writeInt64(BigInt(null_count !== null && null_count !== void 0 ? null_count : 0));
        builder.writeInt64(BigInt(length !== null && length !== void 0 ? length : 0));
        return builder.offset();
    }
}

//# sourceMappingURL=field-node.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/precision.mjs
// automatically generated by the FlatBuffers compiler, do not modify
var Precision;
(function (Precision) {
    Precision[Precision["HALF"] = 0] = "HALF";
    Precision[Precision["SINGLE"] = 1] = "SINGLE";
    Precision[Precision["DOUBLE"] = 2] = "DOUBLE";
})(Precision || (Precision = {}));

//# sourceMappingURL=precision.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/floating-point.mjs
// automatically generated by the FlatBuffers compiler, do not modify


class floating_point_FloatingPoint {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsFloatingPoint(bb, obj) {
        return (obj || new floating_point_FloatingPoint()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsFloatingPoint(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new floating_point_FloatingPoint()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    precision() {
        const offset = this.bb.__offset(this.bb_pos, 4);
        return offset ? this.bb.readInt16(this.bb_pos + offset) : Precision.HALF;
    }
    static startFloatingPoint(builder) {
        builder.startObject(1);
    }
    static addPrecision(builder, precision) {
        builder.addFieldInt16(0, precision, Precision.HALF);
    }
    static endFloatingPoint(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createFloatingPoint(builder, precision) {
        floating_point_FloatingPoint.startFloatingPoint(builder);
        floating_point_FloatingPoint.addPrecision(builder, precision);
        return floating_point_FloatingPoint.endFloatingPoint(builder);
    }
}

//# sourceMappingURL=floating-point.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/list.mjs
// automatically generated by the FlatBuffers compiler, do not modify

class list_List {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsList(bb, obj) {
        return (obj || new list_List()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsList(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new list_List()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static startList(builder) {
        builder.startObject(0);
    }
    static endList(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createList(builder) {
        list_List.startList(builder);
        return list_List.endList(builder);
    }
}

//# sourceMappingURL=list.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/message-header.mjs
// automatically generated by the FlatBuffers compiler, do not modify





/**
 * ----------------------------------------------------------------------
 * The root Message type
 * This union enables us to easily send different message types without
 * redundant storage, and in the future we can easily add new message types.
 *
 * Arrow implementations do not need to implement all of the message types,
 * which may include experimental metadata types. For maximum compatibility,
 * it is best to send data using RecordBatch
 */
var MessageHeader;
(function (MessageHeader) {
    MessageHeader[MessageHeader["NONE"] = 0] = "NONE";
    MessageHeader[MessageHeader["Schema"] = 1] = "Schema";
    MessageHeader[MessageHeader["DictionaryBatch"] = 2] = "DictionaryBatch";
    MessageHeader[MessageHeader["RecordBatch"] = 3] = "RecordBatch";
    MessageHeader[MessageHeader["Tensor"] = 4] = "Tensor";
    MessageHeader[MessageHeader["SparseTensor"] = 5] = "SparseTensor";
})(MessageHeader || (MessageHeader = {}));
function unionToMessageHeader(type, accessor) {
    switch (MessageHeader[type]) {
        case 'NONE': return null;
        case 'Schema': return accessor(new Schema());
        case 'DictionaryBatch': return accessor(new DictionaryBatch());
        case 'RecordBatch': return accessor(new RecordBatch());
        case 'Tensor': return accessor(new Tensor());
        case 'SparseTensor': return accessor(new SparseTensor());
        default: return null;
    }
}
function unionListToMessageHeader(type, accessor, index) {
    switch (MessageHeader[type]) {
        case 'NONE': return null;
        case 'Schema': return accessor(index, new Schema());
        case 'DictionaryBatch': return accessor(index, new DictionaryBatch());
        case 'RecordBatch': return accessor(index, new RecordBatch());
        case 'Tensor': return accessor(index, new Tensor());
        case 'SparseTensor': return accessor(index, new SparseTensor());
        default: return null;
    }
}

//# sourceMappingURL=message-header.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/metadata-version.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/**
 * Logical types, vector layouts, and schemas
 * Format Version History.
 * Version 1.0 - Forward and backwards compatibility guaranteed.
 * Version 1.1 - Add Decimal256.
 * Version 1.2 - Add Interval MONTH_DAY_NANO.
 * Version 1.3 - Add Run-End Encoded.
 */
var MetadataVersion;
(function (MetadataVersion) {
    /**
     * 0.1.0 (October 2016).
     */
    MetadataVersion[MetadataVersion["V1"] = 0] = "V1";
    /**
     * 0.2.0 (February 2017). Non-backwards compatible with V1.
     */
    MetadataVersion[MetadataVersion["V2"] = 1] = "V2";
    /**
     * 0.3.0 -> 0.7.1 (May - December 2017). Non-backwards compatible with V2.
     */
    MetadataVersion[MetadataVersion["V3"] = 2] = "V3";
    /**
     * >= 0.8.0 (December 2017). Non-backwards compatible with V3.
     */
    MetadataVersion[MetadataVersion["V4"] = 3] = "V4";
    /**
     * >= 1.0.0 (July 2020. Backwards compatible with V4 (V5 readers can read V4
     * metadata and IPC messages). Implementations are recommended to provide a
     * V4 compatibility mode with V5 format changes disabled.
     *
     * Incompatible changes between V4 and V5:
     * - Union buffer layout has changed. In V5, Unions don't have a validity
     *   bitmap buffer.
     */
    MetadataVersion[MetadataVersion["V5"] = 4] = "V5";
})(MetadataVersion || (MetadataVersion = {}));

//# sourceMappingURL=metadata-version.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/message.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/* eslint-disable @typescript-eslint/no-unused-vars, @typescript-eslint/no-explicit-any, @typescript-eslint/no-non-null-assertion */




class Message {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsMessage(bb, obj) {
        return (obj || new Message()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsMessage(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new Message()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    version() {
        const offset = this.bb.__offset(this.bb_pos, 4);
        return offset ? this.bb.readInt16(this.bb_pos + offset) : MetadataVersion.V1;
    }
    headerType() {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? this.bb.readUint8(this.bb_pos + offset) : MessageHeader.NONE;
    }
    header(obj) {
        const offset = this.bb.__offset(this.bb_pos, 8);
        return offset ? this.bb.__union(obj, this.bb_pos + offset) : null;
    }
    bodyLength() {
        const offset = this.bb.__offset(this.bb_pos, 10);
        return offset ? this.bb.readInt64(this.bb_pos + offset) : BigInt('0');
    }
    customMetadata(index, obj) {
        const offset = this.bb.__offset(this.bb_pos, 12);
        return offset ? (obj || new KeyValue()).__init(this.bb.__indirect(this.bb.__vector(this.bb_pos + offset) + index * 4), this.bb) : null;
    }
    customMetadataLength() {
        const offset = this.bb.__offset(this.bb_pos, 12);
        return offset ? this.bb.__vector_len(this.bb_pos + offset) : 0;
    }
    static startMessage(builder) {
        builder.startObject(5);
    }
    static addVersion(builder, version) {
        builder.addFieldInt16(0, version, MetadataVersion.V1);
    }
    static addHeaderType(builder, headerType) {
        builder.addFieldInt8(1, headerType, MessageHeader.NONE);
    }
    static addHeader(builder, headerOffset) {
        builder.addFieldOffset(2, headerOffset, 0);
    }
    static addBodyLength(builder, bodyLength) {
        builder.addFieldInt64(3, bodyLength, BigInt('0'));
    }
    static addCustomMetadata(builder, customMetadataOffset) {
        builder.addFieldOffset(4, customMetadataOffset, 0);
    }
    static createCustomMetadataVector(builder, data) {
        builder.startVector(4, data.length, 4);
        for (let i = data.length - 1; i >= 0; i--) {
            builder.addOffset(data[i]);
        }
        return builder.endVector();
    }
    static startCustomMetadataVector(builder, numElems) {
        builder.startVector(4, numElems, 4);
    }
    static endMessage(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static finishMessageBuffer(builder, offset) {
        builder.finish(offset);
    }
    static finishSizePrefixedMessageBuffer(builder, offset) {
        builder.finish(offset, undefined, true);
    }
    static createMessage(builder, version, headerType, headerOffset, bodyLength, customMetadataOffset) {
        Message.startMessage(builder);
        Message.addVersion(builder, version);
        Message.addHeaderType(builder, headerType);
        Message.addHeader(builder, headerOffset);
        Message.addBodyLength(builder, bodyLength);
        Message.addCustomMetadata(builder, customMetadataOffset);
        return Message.endMessage(builder);
    }
}

//# sourceMappingURL=message.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/null.mjs
// automatically generated by the FlatBuffers compiler, do not modify

/**
 * These are stored in the flatbuffer in the Type union below
 */
class null_Null {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsNull(bb, obj) {
        return (obj || new null_Null()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsNull(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new null_Null()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static startNull(builder) {
        builder.startObject(0);
    }
    static endNull(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createNull(builder) {
        null_Null.startNull(builder);
        return null_Null.endNull(builder);
    }
}

//# sourceMappingURL=null.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/body-compression-method.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/**
 * Provided for forward compatibility in case we need to support different
 * strategies for compressing the IPC message body (like whole-body
 * compression rather than buffer-level) in the future
 */
var BodyCompressionMethod;
(function (BodyCompressionMethod) {
    /**
     * Each constituent buffer is first compressed with the indicated
     * compressor, and then written with the uncompressed length in the first 8
     * bytes as a 64-bit little-endian signed integer followed by the compressed
     * buffer bytes (and then padding as required by the protocol). The
     * uncompressed length may be set to -1 to indicate that the data that
     * follows is not compressed, which can be useful for cases where
     * compression does not yield appreciable savings.
     */
    BodyCompressionMethod[BodyCompressionMethod["BUFFER"] = 0] = "BUFFER";
})(BodyCompressionMethod || (BodyCompressionMethod = {}));

//# sourceMappingURL=body-compression-method.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/compression-type.mjs
// automatically generated by the FlatBuffers compiler, do not modify
var CompressionType;
(function (CompressionType) {
    CompressionType[CompressionType["LZ4_FRAME"] = 0] = "LZ4_FRAME";
    CompressionType[CompressionType["ZSTD"] = 1] = "ZSTD";
})(CompressionType || (CompressionType = {}));

//# sourceMappingURL=compression-type.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/body-compression.mjs
// automatically generated by the FlatBuffers compiler, do not modify



/**
 * Optional compression for the memory buffers constituting IPC message
 * bodies. Intended for use with RecordBatch but could be used for other
 * message types
 */
class BodyCompression {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsBodyCompression(bb, obj) {
        return (obj || new BodyCompression()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsBodyCompression(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new BodyCompression()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    /**
     * Compressor library.
     * For LZ4_FRAME, each compressed buffer must consist of a single frame.
     */
    codec() {
        const offset = this.bb.__offset(this.bb_pos, 4);
        return offset ? this.bb.readInt8(this.bb_pos + offset) : CompressionType.LZ4_FRAME;
    }
    /**
     * Indicates the way the record batch body was compressed
     */
    method() {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? this.bb.readInt8(this.bb_pos + offset) : BodyCompressionMethod.BUFFER;
    }
    static startBodyCompression(builder) {
        builder.startObject(2);
    }
    static addCodec(builder, codec) {
        builder.addFieldInt8(0, codec, CompressionType.LZ4_FRAME);
    }
    static addMethod(builder, method) {
        builder.addFieldInt8(1, method, BodyCompressionMethod.BUFFER);
    }
    static endBodyCompression(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createBodyCompression(builder, codec, method) {
        BodyCompression.startBodyCompression(builder);
        BodyCompression.addCodec(builder, codec);
        BodyCompression.addMethod(builder, method);
        return BodyCompression.endBodyCompression(builder);
    }
}

//# sourceMappingURL=body-compression.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/record-batch.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/* eslint-disable @typescript-eslint/no-unused-vars, @typescript-eslint/no-explicit-any, @typescript-eslint/no-non-null-assertion */




/**
 * A data header describing the shared memory layout of a "record" or "row"
 * batch. Some systems call this a "row batch" internally and others a "record
 * batch".
 */
class record_batch_RecordBatch {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsRecordBatch(bb, obj) {
        return (obj || new record_batch_RecordBatch()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsRecordBatch(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new record_batch_RecordBatch()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    /**
     * number of records / rows. The arrays in the batch should all have this
     * length
     */
    length() {
        const offset = this.bb.__offset(this.bb_pos, 4);
        return offset ? this.bb.readInt64(this.bb_pos + offset) : BigInt('0');
    }
    /**
     * Nodes correspond to the pre-ordered flattened logical schema
     */
    nodes(index, obj) {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? (obj || new FieldNode()).__init(this.bb.__vector(this.bb_pos + offset) + index * 16, this.bb) : null;
    }
    nodesLength() {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? this.bb.__vector_len(this.bb_pos + offset) : 0;
    }
    /**
     * Buffers correspond to the pre-ordered flattened buffer tree
     *
     * The number of buffers appended to this list depends on the schema. For
     * example, most primitive arrays will have 2 buffers, 1 for the validity
     * bitmap and 1 for the values. For struct arrays, there will only be a
     * single buffer for the validity (nulls) bitmap
     */
    buffers(index, obj) {
        const offset = this.bb.__offset(this.bb_pos, 8);
        return offset ? (obj || new Buffer()).__init(this.bb.__vector(this.bb_pos + offset) + index * 16, this.bb) : null;
    }
    buffersLength() {
        const offset = this.bb.__offset(this.bb_pos, 8);
        return offset ? this.bb.__vector_len(this.bb_pos + offset) : 0;
    }
    /**
     * Optional compression of the message body
     */
    compression(obj) {
        const offset = this.bb.__offset(this.bb_pos, 10);
        return offset ? (obj || new BodyCompression()).__init(this.bb.__indirect(this.bb_pos + offset), this.bb) : null;
    }
    /**
     * Some types such as Utf8View are represented using a variable number of buffers.
     * For each such Field in the pre-ordered flattened logical schema, there will be
     * an entry in variadicBufferCounts to indicate the number of number of variadic
     * buffers which belong to that Field in the current RecordBatch.
     *
     * For example, the schema
     *     col1: Struct<alpha: Int32, beta: BinaryView, gamma: Float64>
     *     col2: Utf8View
     * contains two Fields with variadic buffers so variadicBufferCounts will have
     * two entries, the first counting the variadic buffers of `col1.beta` and the
     * second counting `col2`'s.
     *
     * This field may be omitted if and only if the schema contains no Fields with
     * a variable number of buffers, such as BinaryView and Utf8View.
     */
    variadicBufferCounts(index) {
        const offset = this.bb.__offset(this.bb_pos, 12);
        return offset ? this.bb.readInt64(this.bb.__vector(this.bb_pos + offset) + index * 8) : BigInt(0);
    }
    variadicBufferCountsLength() {
        const offset = this.bb.__offset(this.bb_pos, 12);
        return offset ? this.bb.__vector_len(this.bb_pos + offset) : 0;
    }
    static startRecordBatch(builder) {
        builder.startObject(5);
    }
    static addLength(builder, length) {
        builder.addFieldInt64(0, length, BigInt('0'));
    }
    static addNodes(builder, nodesOffset) {
        builder.addFieldOffset(1, nodesOffset, 0);
    }
    static startNodesVector(builder, numElems) {
        builder.startVector(16, numElems, 8);
    }
    static addBuffers(builder, buffersOffset) {
        builder.addFieldOffset(2, buffersOffset, 0);
    }
    static startBuffersVector(builder, numElems) {
        builder.startVector(16, numElems, 8);
    }
    static addCompression(builder, compressionOffset) {
        builder.addFieldOffset(3, compressionOffset, 0);
    }
    static addVariadicBufferCounts(builder, variadicBufferCountsOffset) {
        builder.addFieldOffset(4, variadicBufferCountsOffset, 0);
    }
    static createVariadicBufferCountsVector(builder, data) {
        builder.startVector(8, data.length, 8);
        for (let i = data.length - 1; i >= 0; i--) {
            builder.addInt64(data[i]);
        }
        return builder.endVector();
    }
    static startVariadicBufferCountsVector(builder, numElems) {
        builder.startVector(8, numElems, 8);
    }
    static endRecordBatch(builder) {
        const offset = builder.endObject();
        return offset;
    }
}

//# sourceMappingURL=record-batch.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/schema.mjs
// automatically generated by the FlatBuffers compiler, do not modify
/* eslint-disable @typescript-eslint/no-unused-vars, @typescript-eslint/no-explicit-any, @typescript-eslint/no-non-null-assertion */




/**
 * ----------------------------------------------------------------------
 * A Schema describes the columns in a row batch
 */
class schema_Schema {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsSchema(bb, obj) {
        return (obj || new schema_Schema()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsSchema(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new schema_Schema()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    /**
     * endianness of the buffer
     * it is Little Endian by default
     * if endianness doesn't match the underlying system then the vectors need to be converted
     */
    endianness() {
        const offset = this.bb.__offset(this.bb_pos, 4);
        return offset ? this.bb.readInt16(this.bb_pos + offset) : Endianness.Little;
    }
    fields(index, obj) {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? (obj || new Field()).__init(this.bb.__indirect(this.bb.__vector(this.bb_pos + offset) + index * 4), this.bb) : null;
    }
    fieldsLength() {
        const offset = this.bb.__offset(this.bb_pos, 6);
        return offset ? this.bb.__vector_len(this.bb_pos + offset) : 0;
    }
    customMetadata(index, obj) {
        const offset = this.bb.__offset(this.bb_pos, 8);
        return offset ? (obj || new KeyValue()).__init(this.bb.__indirect(this.bb.__vector(this.bb_pos + offset) + index * 4), this.bb) : null;
    }
    customMetadataLength() {
        const offset = this.bb.__offset(this.bb_pos, 8);
        return offset ? this.bb.__vector_len(this.bb_pos + offset) : 0;
    }
    /**
     * Features used in the stream/file.
     */
    features(index) {
        const offset = this.bb.__offset(this.bb_pos, 10);
        return offset ? this.bb.readInt64(this.bb.__vector(this.bb_pos + offset) + index * 8) : BigInt(0);
    }
    featuresLength() {
        const offset = this.bb.__offset(this.bb_pos, 10);
        return offset ? this.bb.__vector_len(this.bb_pos + offset) : 0;
    }
    static startSchema(builder) {
        builder.startObject(4);
    }
    static addEndianness(builder, endianness) {
        builder.addFieldInt16(0, endianness, Endianness.Little);
    }
    static addFields(builder, fieldsOffset) {
        builder.addFieldOffset(1, fieldsOffset, 0);
    }
    static createFieldsVector(builder, data) {
        builder.startVector(4, data.length, 4);
        for (let i = data.length - 1; i >= 0; i--) {
            builder.addOffset(data[i]);
        }
        return builder.endVector();
    }
    static startFieldsVector(builder, numElems) {
        builder.startVector(4, numElems, 4);
    }
    static addCustomMetadata(builder, customMetadataOffset) {
        builder.addFieldOffset(2, customMetadataOffset, 0);
    }
    static createCustomMetadataVector(builder, data) {
        builder.startVector(4, data.length, 4);
        for (let i = data.length - 1; i >= 0; i--) {
            builder.addOffset(data[i]);
        }
        return builder.endVector();
    }
    static startCustomMetadataVector(builder, numElems) {
        builder.startVector(4, numElems, 4);
    }
    static addFeatures(builder, featuresOffset) {
        builder.addFieldOffset(3, featuresOffset, 0);
    }
    static createFeaturesVector(builder, data) {
        builder.startVector(8, data.length, 8);
        for (let i = data.length - 1; i >= 0; i--) {
            builder.addInt64(data[i]);
        }
        return builder.endVector();
    }
    static startFeaturesVector(builder, numElems) {
        builder.startVector(8, numElems, 8);
    }
    static endSchema(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createSchema(builder, endianness, fieldsOffset, customMetadataOffset, featuresOffset) {
        schema_Schema.startSchema(builder);
        schema_Schema.addEndianness(builder, endianness);
        schema_Schema.addFields(builder, fieldsOffset);
        schema_Schema.addCustomMetadata(builder, customMetadataOffset);
        schema_Schema.addFeatures(builder, featuresOffset);
        return schema_Schema.endSchema(builder);
    }
}

//# sourceMappingURL=schema.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/struct-.mjs
// automatically generated by the FlatBuffers compiler, do not modify

/**
 * A Struct_ in the flatbuffer metadata is the same as an Arrow Struct
 * (according to the physical memory layout). We used Struct_ here as
 * Struct is a reserved word in Flatbuffers
 */
class struct_Struct_ {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsStruct_(bb, obj) {
        return (obj || new struct_Struct_()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsStruct_(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new struct_Struct_()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static startStruct_(builder) {
        builder.startObject(0);
    }
    static endStruct_(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createStruct_(builder) {
        struct_Struct_.startStruct_(builder);
        return struct_Struct_.endStruct_(builder);
    }
}

//# sourceMappingURL=struct-.mjs.map

;// CONCATENATED MODULE: ./node_modules/apache-arrow/fb/utf8.mjs
// automatically generated by the FlatBuffers compiler, do not modify

/**
 * Unicode with UTF-8 encoding
 */
class utf8_Utf8 {
    constructor() {
        this.bb = null;
        this.bb_pos = 0;
    }
    __init(i, bb) {
        this.bb_pos = i;
        this.bb = bb;
        return this;
    }
    static getRootAsUtf8(bb, obj) {
        return (obj || new utf8_Utf8()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static getSizePrefixedRootAsUtf8(bb, obj) {
        bb.setPosition(bb.position() + flatbuffers/* SIZE_PREFIX_LENGTH */.kc);
        return (obj || new utf8_Utf8()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
    }
    static startUtf8(builder) {
        builder.startObject(0);
    }
    static endUtf8(builder) {
        const offset = builder.endObject();
        return offset;
    }
    static createUtf8(builder) {
        utf8_Utf8.startUtf8(builder);
        return utf8_Utf8.endUtf8(builder);
    }
}

//# sourceMappingURL=utf8.mjs.map

;// CONCATENATED MODULE: ./packages/dataset/src/arrow-message.ts




















/** Of an IPC stream: a message of length 0. */
const END_OF_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);
/** Numbers as Arrow lays them out. */
function bytesOf({ buffer, byteOffset, byteLength }) {
    return new Uint8Array(buffer, byteOffset, byteLength);
}
/** The message that opens an IPC stream, in pieces. */
function schemaMessage(fields, metadata) {
    const builder = new flatbuffers/* Builder */.M$();
    const fieldsAt = schema_Schema.createFieldsVector(builder, fields.map((field) => encodeField(builder, field)));
    const metadataAt = schema_Schema.createCustomMetadataVector(builder, Object.entries(metadata).map(([key, value]) => KeyValue.createKeyValue(builder, builder.createString(key), builder.createString(value))));
    schema_Schema.startSchema(builder);
    schema_Schema.addFields(builder, fieldsAt);
    schema_Schema.addEndianness(builder, Endianness.Little);
    schema_Schema.addCustomMetadata(builder, metadataAt);
    return messagePieces(builder, schema_Schema.endSchema(builder), MessageHeader.Schema, 0);
}
/** The message of a record batch, in pieces, of which those of its body are the columns' own buffers. */
function recordBatchMessage(rows, columns) {
    const arrays = columns.flatMap(inOrder);
    const buffers = arrays.flatMap(({ buffers }) => buffers);
    const starts = [];
    let bodyLength = 0;
    for (const { byteLength } of buffers) {
        starts.push(bodyLength);
        bodyLength += aligned(byteLength);
    }
    const builder = new flatbuffers/* Builder */.M$();
    // Flatbuffers are written from their end.
    record_batch_RecordBatch.startNodesVector(builder, arrays.length);
    for (const { length, nullCount } of arrays.toReversed())
        FieldNode.createFieldNode(builder, BigInt(length), BigInt(nullCount));
    const nodesAt = builder.endVector();
    record_batch_RecordBatch.startBuffersVector(builder, buffers.length);
    for (let i = buffers.length - 1; i >= 0; i--) {
        const length = aligned(buffers[i].byteLength);
        Buffer.createBuffer(builder, BigInt(starts[i]), BigInt(length));
    }
    const buffersAt = builder.endVector();
    record_batch_RecordBatch.startRecordBatch(builder);
    record_batch_RecordBatch.addLength(builder, BigInt(rows));
    record_batch_RecordBatch.addNodes(builder, nodesAt);
    record_batch_RecordBatch.addBuffers(builder, buffersAt);
    const header = record_batch_RecordBatch.endRecordBatch(builder);
    return [
        ...messagePieces(builder, header, MessageHeader.RecordBatch, bodyLength),
        ...buffers.flatMap((buffer) => [buffer, padding(buffer.byteLength)]).filter(isFilled),
    ];
}
const ALIGNMENT = 8;
/** What a message begins with; the length of its flatbuffer follows. */
const CONTINUATION = -1;
const PREFIX_BYTES = 8;
function messagePieces(builder, header, headerType, bodyLength) {
    Message.startMessage(builder);
    Message.addVersion(builder, MetadataVersion.V5);
    Message.addHeader(builder, header);
    Message.addHeaderType(builder, headerType);
    Message.addBodyLength(builder, BigInt(bodyLength));
    Message.finishMessageBuffer(builder, Message.endMessage(builder));
    const flatbuffer = builder.asUint8Array();
    const length = aligned(flatbuffer.byteLength + PREFIX_BYTES) - PREFIX_BYTES;
    const prefix = [Int32Array.of(CONTINUATION), Int32Array.of(length)].map(bytesOf);
    return [...prefix, flatbuffer, padding(flatbuffer.byteLength)].filter(isFilled);
}
function encodeField(builder, { name, type, children = [] }) {
    const [fieldType, encodeType] = FIELD_TYPES[type];
    const typeAt = encodeType(builder);
    const childrenAt = Field.createChildrenVector(builder, children.map((child) => encodeField(builder, child)));
    const nameAt = builder.createString(name);
    Field.startField(builder);
    Field.addType(builder, typeAt);
    Field.addTypeType(builder, fieldType);
    Field.addChildren(builder, childrenAt);
    Field.addNullable(builder, true);
    Field.addName(builder, nameAt);
    return Field.endField(builder);
}
const FIELD_TYPES = {
    string: [Type.Utf8, utf8_Utf8.createUtf8],
    int64: [Type.Int, (builder) => int_Int.createInt(builder, 64, true)],
    float64: [Type.FloatingPoint, (builder) => floating_point_FloatingPoint.createFloatingPoint(builder, Precision.DOUBLE)],
    bool: [Type.Bool, bool_Bool.createBool],
    null: [Type.Null, null_Null.createNull],
    list: [Type.List, list_List.createList],
    struct: [Type.Struct_, struct_Struct_.createStruct_],
};
/** An array, then what it is made of. */
function inOrder(array) {
    return [array, ...(array.children ?? []).flatMap(inOrder)];
}
function aligned(bytes) {
    return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
/** What is missing after so many bytes to the next multiple of the alignment. */
function padding(bytes) {
    return new Uint8Array(aligned(bytes) - bytes);
}
function isFilled({ byteLength }) {
    return byteLength > 0;
}


/***/ }),

/***/ 126:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   F: () => (/* binding */ BATCH_BYTES)
/* harmony export */ });
/* unused harmony export batchEnds */
/** `datasets` writes batches of 1,000 rows too. */
const BATCH_ROWS = 1000;
/** JSON text of the rows of a batch. */
const BATCH_BYTES = 2 << 20;
/**
 * Where the batches of a part end: the `i`-th holds `order[ends[i - 1]]` up to, but without, `order[ends[i]]`. It goes by
 * the index alone, so that whoever makes a batch need not know the ones before it.
 */
function batchEnds(order, index) {
    const ends = [];
    let start = 0;
    let bytes = 0;
    for (const [place, row] of order.entries()) {
        const length = index.length(row);
        if (place - start === BATCH_ROWS || (place > start && bytes + length > BATCH_BYTES)) {
            ends.push(place);
            start = place;
            bytes = 0;
        }
        bytes += length;
    }
    if (order.length > 0)
        ends.push(order.length);
    return Uint32Array.from(ends);
}


/***/ }),

/***/ 147:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   B: () => (/* binding */ codePoints)
/* harmony export */ });
/* harmony import */ var node_buffer__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(573);
/* harmony import */ var node_buffer__WEBPACK_IMPORTED_MODULE_0___default = /*#__PURE__*/__nccwpck_require__.n(node_buffer__WEBPACK_IMPORTED_MODULE_0__);

/** Unicode code points of UTF-8: its length as Python counts it. */
function codePoints(text) {
    if ((0,node_buffer__WEBPACK_IMPORTED_MODULE_0__.isAscii)(text))
        return text.length;
    let count = 0;
    // Every character has one byte that does not continue another.
    for (let i = 0; i < text.length; i++)
        if ((text[i] & 0xc0) !== 0x80)
            count++;
    return count;
}


/***/ }),

/***/ 456:
/***/ ((module, __webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(module, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   u: () => (/* binding */ FrameLane)
/* harmony export */ });
/* harmony import */ var _arrow_batch_js__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(775);
/* harmony import */ var _batch_plan_js__WEBPACK_IMPORTED_MODULE_2__ = __nccwpck_require__(126);
/* harmony import */ var _frame_schema_js__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(853);
/* harmony import */ var _row_cells_js__WEBPACK_IMPORTED_MODULE_7__ = __nccwpck_require__(691);
/* harmony import */ var _row_facts_js__WEBPACK_IMPORTED_MODULE_6__ = __nccwpck_require__(286);
/* harmony import */ var _row_reader_js__WEBPACK_IMPORTED_MODULE_5__ = __nccwpck_require__(354);
/* harmony import */ var _shard_places_js__WEBPACK_IMPORTED_MODULE_3__ = __nccwpck_require__(541);
/* harmony import */ var _shard_writer_js__WEBPACK_IMPORTED_MODULE_4__ = __nccwpck_require__(871);
var __webpack_async_dependencies__ = __webpack_handle_async_dependencies__([_row_facts_js__WEBPACK_IMPORTED_MODULE_6__]);
_row_facts_js__WEBPACK_IMPORTED_MODULE_6__ = (__webpack_async_dependencies__.then ? (await __webpack_async_dependencies__)() : __webpack_async_dependencies__)[0];








/** Makes and writes batches of each part, with other lanes: what one thread does. */
class FrameLane {
    #settings;
    #index;
    #files;
    #schema;
    #builder;
    constructor(settings, index, files) {
        const { columns, messages, withRowNumbers } = settings;
        this.#settings = settings;
        this.#index = index;
        this.#files = files;
        this.#schema = (0,_frame_schema_js__WEBPACK_IMPORTED_MODULE_0__/* .frameSchema */ .P)(columns, withRowNumbers).message;
        this.#builder = new _arrow_batch_js__WEBPACK_IMPORTED_MODULE_1__/* .FrameBuilder */ .L(columns, messages, withRowNumbers, _batch_plan_js__WEBPACK_IMPORTED_MODULE_2__/* .BATCH_BYTES */ .F);
    }
    /**
     * Make batches until none is left. Where a row is wrong, that waits until all batches before it are made, in the other
     * lanes too: so the first that is wrong is told, however many lanes there are.
     *
     * @param onBatch is given each batch; it may throw to end this
     * @throws WritingStopped when another lane ended it
     */
    async run(task, onBatch) {
        const places = new _shard_places_js__WEBPACK_IMPORTED_MODULE_3__/* .ShardPlaces */ .T(this.#settings.maxShardBytes, task.places);
        const writer = new _shard_writer_js__WEBPACK_IMPORTED_MODULE_4__/* .ShardWriter */ .E(task.folder, this.#schema, places);
        /** Batches to make; the rows of the next are read while the first is made. */
        const claimed = [];
        let facts;
        try {
            for await (const group of (0,_row_reader_js__WEBPACK_IMPORTED_MODULE_5__/* .readRows */ .a)(claimBatches(task, places, claimed), this.#index, this.#files)) {
                const number = claimed[0];
                facts ??= this.#factsOf(task, number);
                for (let i = 0; i < group.rows.length; i++)
                    this.#append(group, i, facts);
                if (!group.endsRun)
                    continue;
                const written = await writer.write(number, this.#builder.finish());
                await onBatch({ number, written, facts: facts.finish() });
                claimed.shift();
                facts = undefined;
            }
        }
        catch (error) {
            if (!(error instanceof _shard_places_js__WEBPACK_IMPORTED_MODULE_3__/* .WritingStopped */ .o))
                await places.turnOf(claimed[0]);
            places.stop();
            throw error;
        }
        finally {
            await writer.close();
        }
    }
    #factsOf({ order, ends }, batch) {
        const { repeatColumns, sampleRows } = this.#settings;
        const start = startOf(batch, ends);
        return new _row_facts_js__WEBPACK_IMPORTED_MODULE_6__/* .FactsGatherer */ .mw(ends[batch] - start, repeatColumns.length, (row) => (0,_row_facts_js__WEBPACK_IMPORTED_MODULE_6__/* .isEvenlySpread */ .nz)(start + row, order.length, sampleRows));
    }
    #append(group, i, facts) {
        const { user, assistant } = this.#appendRow(group, i);
        facts.add(user, assistant, this.#settings.repeatColumns.map((column) => this.#builder.lastText(column)));
    }
    /** @returns what the row asks, and what is answered */
    #appendRow({ rows, json }, i) {
        const { columns, messages } = this.#settings;
        const row = rows[i];
        if ('messages' in messages) {
            const cells = (0,_row_cells_js__WEBPACK_IMPORTED_MODULE_7__/* .decodeRow */ .X)(json(i), row, this.#index, columns);
            this.#builder.append(cells, row);
            return conversationTexts(cells[messages.messages]);
        }
        if (!this.#builder.appendJson(json(i), row))
            this.#builder.append((0,_row_cells_js__WEBPACK_IMPORTED_MODULE_7__/* .decodeRow */ .X)(json(i), row, this.#index, columns), row);
        return {
            user: this.#builder.lastText(messages.user),
            assistant: this.#builder.lastText(messages.assistant),
        };
    }
}
/** Rows of batches that no other lane makes. @param claimed takes the numbers of the batches */
function* claimBatches({ order, ends }, places, claimed) {
    for (let batch = places.claim(); batch < ends.length; batch = places.claim()) {
        claimed.push(batch);
        yield order.subarray(startOf(batch, ends), ends[batch]);
    }
}
function startOf(batch, ends) {
    return batch === 0 ? 0 : ends[batch - 1];
}
/** Of a longer conversation all but its last message, and that. */
function conversationTexts(messages) {
    const contents = messages.map(({ content }) => content);
    return {
        user: Buffer.from(contents.slice(0, -1).join('\n\n')),
        assistant: Buffer.from(contents.at(-1)),
    };
}

__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } });

/***/ }),

/***/ 853:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  P: () => (/* binding */ frameSchema)
});

// EXTERNAL MODULE: ./packages/dataset/src/arrow-message.ts + 24 modules
var arrow_message = __nccwpck_require__(487);
;// CONCATENATED MODULE: ./packages/dataset/src/column-table.ts
/** What a cell holds, as bits, so that a column's kinds add up to a mask. */
const CellKind = {
    string: 1,
    integer: 2,
    float: 4,
    boolean: 8,
    null: 16,
    object: 32,
    list: 64,
};
/** Names that the prepared frame adds to the source's columns. */
const MESSAGES_COLUMN = 'messages';
const INDEX_COLUMN = '__index_level_0__';
/** More columns than this means that keys carry data; each costs memory for as long as the run lasts. */
const MAX_COLUMNS = 4096;
/** What is wrong with a cell or a row; the source that met it adds file, row and offset. */
class RowFault extends Error {
    name = 'RowFault';
    /** Byte offset in the buffer at hand, where known. */
    at;
    hint;
    constructor(message, hint, at) {
        super(message);
        this.hint = hint;
        this.at = at;
    }
}
/**
 * Columns in the order in which rows first show them, as pandas orders them, with the kinds of cells seen.
 *
 * A source calls `beginFile`, and for each row `beginRow`, `cell` for each cell, `endRow`. It may begin a row again.
 */
class ColumnTable {
    #columns = [];
    #byName = new Map();
    #roles;
    #required;
    #stamp = 0;
    #file = '';
    #row = 0;
    #last = -1;
    constructor(roles) {
        this.#roles = roles;
        this.#required = [...roles.text, roles.messages, roles.group].filter((name) => name !== undefined);
    }
    beginFile(path) {
        this.#file = path;
    }
    /** @param row number within the file, from 0 */
    beginRow(row) {
        this.#stamp++;
        this.#row = row;
        this.#last = -1;
    }
    /**
     * Column of a JSON key, given as the bytes between its quotes. Rows mostly repeat one order of keys, so the column
     * after the last one is tried before the name is decoded.
     */
    columnOfKey(buffer, start, end) {
        const guess = this.#columns[this.#last + 1];
        if (guess && sameBytes(guess.key, buffer, start, end))
            return ++this.#last;
        const raw = buffer.toString('utf8', start, end);
        const name = raw.includes('\\') ? decodeKey(buffer, start, end) : raw;
        this.#last = this.column(name, Buffer.from(buffer.subarray(start, end)));
        return this.#last;
    }
    /** Column of a name; a name not seen before is added. */
    column(name, key = Buffer.from(name)) {
        const known = this.#byName.get(name);
        if (known !== undefined)
            return known;
        const role = this.#roleOf(name);
        const added = name === MESSAGES_COLUMN || name === INDEX_COLUMN;
        if (added && role !== 'messages' && role !== 'left out') {
            throw new RowFault(`column "${name}" is already there; the prepared data adds a column of that name`, name === MESSAGES_COLUMN
                ? 'To train on the messages that are there, write "columns: { messages: messages }"; or leave the column out with keep_columns.'
                : 'Leave it out with keep_columns, or rename it in the source.');
        }
        if (this.#columns.length === MAX_COLUMNS) {
            throw new RowFault(`more than ${MAX_COLUMNS} different keys: "${name}" is one more`, 'Keys name columns; move data that varies from row to row into values.');
        }
        this.#byName.set(name, this.#columns.length);
        this.#columns.push({ name, key, kinds: 0, firstSeen: new Map(), role, stamp: 0 });
        return this.#columns.length - 1;
    }
    /** Whether a column of this name is looked at at all. */
    isRead(name) {
        return this.#roleOf(name) !== 'left out';
    }
    #roleOf(name) {
        if (name === this.#roles.messages)
            return 'messages';
        if (this.#roles.text.includes(name))
            return 'text';
        if (name === this.#roles.group)
            return 'group';
        return (this.#roles.keep?.includes(name) ?? true) ? 'kept' : 'left out';
    }
    /** Note a cell of the row at hand. @throws RowFault when it does not fit what the column held before */
    cell(index, kind) {
        const column = this.#columns[index];
        if (column.stamp === this.#stamp) {
            throw new RowFault(`key "${column.name}" stands twice in the row`, 'Keep one of the two.');
        }
        column.stamp = this.#stamp;
        if (column.role === 'left out' || (column.kinds & kind) !== 0)
            return;
        if (column.role === 'text' && kind !== CellKind.string) {
            throw new RowFault(`column "${column.name}" holds ${KIND_NAMES.get(kind)}; it must be text`, 'Write the value as a string, or drop the row.');
        }
        if (column.role === 'messages' && kind !== CellKind.list) {
            throw new RowFault(`column "${column.name}" holds ${KIND_NAMES.get(kind)}; it must be a list of messages`, 'Write [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}], or drop the row.');
        }
        if (column.role === 'group' && kind === CellKind.null) {
            throw new RowFault(`column "${column.name}", by which the data is split, holds null`, 'Give the row a value there, or drop the row.');
        }
        if (column.role !== 'messages' && (kind === CellKind.object || kind === CellKind.list)) {
            throw new RowFault(`found ${KIND_NAMES.get(kind)} as a value of "${column.name}"; a column holds text, numbers, true, false and null`, 'Write the value as a string, or leave the column out with keep_columns.');
        }
        const values = (column.kinds | kind) & ~CellKind.null;
        if (!PURE_KINDS.has(values)) {
            const [otherKind, otherPlace] = [...column.firstSeen].find(([seen]) => seen !== CellKind.null);
            throw new RowFault(`column "${column.name}" holds ${KIND_NAMES.get(kind)}, but ${KIND_NAMES.get(otherKind)} in ${otherPlace}`, 'A column has one type: write all its values alike, as strings if in doubt.');
        }
        column.kinds |= kind;
        column.firstSeen.set(kind, `row ${this.#row} of ${this.#file}`);
    }
    /** @throws RowFault when the row lacks a required column */
    endRow() {
        for (const name of this.#required) {
            const index = this.#byName.get(name);
            if (index !== undefined && this.#columns[index]?.stamp === this.#stamp)
                continue;
            const present = this.#columns
                .filter((column) => column.stamp === this.#stamp)
                .map(({ name }) => `"${name}"`);
            throw new RowFault(`column "${name}" is missing; the row has ${present.length > 0 ? listed(present) : 'no keys at all'}`, 'Correct "columns" in the recipe, or add the key to the row.');
        }
    }
    /**
     * Columns that are read, with the types that hold all their cells.
     *
     * @throws RowFault when a column to keep is in no row
     */
    resolved() {
        for (const name of this.#roles.keep ?? []) {
            if (this.#byName.has(name))
                continue;
            const names = this.#columns.map((column) => `"${column.name}"`);
            throw new RowFault(`keep_columns names "${name}", which is in no row; there are ${listed(names)}`, 'Correct keep_columns.');
        }
        return this.#columns.flatMap(({ name, kinds, role }) => role === 'left out'
            ? []
            : [
                {
                    name,
                    type: columnType(kinds & ~CellKind.null),
                    kept: role !== 'messages' && (this.#roles.keep?.includes(name) ?? true),
                },
            ]);
    }
}
/** `a, b, c`, cut after the first twenty. */
function listed(names) {
    return names.length <= 20
        ? names.join(', ')
        : `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`;
}
const KIND_NAMES = new Map([
    [CellKind.string, 'text'],
    [CellKind.integer, 'an integer'],
    [CellKind.float, 'a number with a fraction'],
    [CellKind.boolean, 'true or false'],
    [CellKind.null, 'null'],
    [CellKind.object, 'an object'],
    [CellKind.list, 'a list'],
]);
const PURE_KINDS = new Set([
    0,
    CellKind.string,
    CellKind.integer,
    CellKind.float,
    CellKind.integer | CellKind.float,
    CellKind.boolean,
    CellKind.list,
]);
function columnType(kinds) {
    if (kinds === 0)
        return 'null';
    if (kinds === CellKind.string)
        return 'string';
    if (kinds === CellKind.boolean)
        return 'bool';
    if (kinds === CellKind.list)
        return 'messages';
    return kinds === CellKind.integer ? 'int64' : 'float64';
}
function sameBytes(key, buffer, start, end) {
    if (key.length !== end - start)
        return false;
    for (let i = 0; i < key.length; i++)
        if (key[i] !== buffer[start + i])
            return false;
    return true;
}
function decodeKey(buffer, start, end) {
    const literal = buffer.toString('utf8', start - 1, end + 1);
    try {
        return JSON.parse(literal);
    }
    catch {
        throw new RowFault(`key ${literal} has an escape that JSON does not know`, 'Correct the key.', start);
    }
}

;// CONCATENATED MODULE: ./packages/dataset/src/frame-schema.ts


/** @param withRowNumbers adds `__index_level_0__`, as pandas keeps it after a split */
function frameSchema(columns, withRowNumbers) {
    const features = featuresJson(columns, withRowNumbers);
    const metadata = { huggingface: `{"info":{"features":${features}}}` };
    return { message: (0,arrow_message/* schemaMessage */.NK)(frameFields(columns, withRowNumbers), metadata), features };
}
function frameFields(columns, withRowNumbers) {
    // Messages as a column are made anew under their own name.
    const fields = columns.flatMap(({ name, type, kept }) => kept && type !== 'messages' ? [{ name, type }] : []);
    fields.push({ name: MESSAGES_COLUMN, type: 'list', children: [MESSAGE_FIELD] });
    if (withRowNumbers)
        fields.push({ name: INDEX_COLUMN, type: 'int64' });
    return fields;
}
const MESSAGE_FIELD = {
    name: 'item',
    type: 'struct',
    children: [
        { name: 'content', type: 'string' },
        { name: 'role', type: 'string' },
    ],
};
/**
 * The features as JSON text, in column order: an object would put names that look like numbers first.
 *
 * Messages are a plain list: releases of `datasets` before 4 don't know the type "List", and all read this.
 */
function featuresJson(columns, withRowNumbers) {
    const value = (dtype) => ({ dtype, _type: 'Value' });
    const features = columns
        .filter(({ kept }) => kept)
        .map(({ name, type }) => [name, value(type)]);
    features.push([MESSAGES_COLUMN, [{ content: value('string'), role: value('string') }]]);
    if (withRowNumbers)
        features.push([INDEX_COLUMN, value('int64')]);
    return `{${features.map(([name, feature]) => `${JSON.stringify(name)}:${JSON.stringify(feature)}`).join(',')}}`;
}


/***/ }),

/***/ 552:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   j: () => (/* binding */ WORD_BYTES),
/* harmony export */   w: () => (/* binding */ appendJsonString)
/* harmony export */ });
const WORD_BYTES = 4;
/**
 * Append what a JSON string says to a text, without a string of JavaScript between: a word at a time up to the next
 * escape, so the speed is near that of a copy.
 *
 * @param json after the opening quotation mark; when it returns true, after the closing one
 * @returns false, with a part of the string appended, where JSON does not allow it or it has no UTF-8 form
 */
function appendJsonString(json, text) {
    for (;;) {
        const end = copyText(json, text);
        const { bytes, at } = json;
        if (at >= json.end)
            return false;
        if (at >= end)
            continue;
        json.at++;
        if (bytes[at] === QUOTE)
            return true;
        if (bytes[at] !== BACKSLASH || !appendUnicodeEscape(json, text))
            return false;
    }
}
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
/** Bytes made room for at a time. */
const STEP_BYTES = 1 << 12;
/**
 * Copy up to what is neither plain nor an escape of two characters. One loop over both, for half of the time goes where
 * one piece of plain text ends and the next begins.
 *
 * @returns where the text or the room ends: it went on to there if nothing stopped it
 */
function copyText(json, text) {
    text.reserve(STEP_BYTES);
    const { bytes, view: source } = json;
    const target = text.view;
    const end = Math.min(json.end, json.at + text.bytes.length - text.length - WORD_BYTES);
    let at = json.at;
    let to = text.length;
    for (;;) {
        let special = 0;
        while (at < end) {
            const word = source.getInt32(at, true);
            // Of a word with a special byte too much is copied; what comes next is put over it.
            target.setInt32(to, word, true);
            special = specialBytes(word);
            if (special !== 0)
                break;
            at += WORD_BYTES;
            to += WORD_BYTES;
        }
        if (special === 0)
            break;
        const plain = (31 - Math.clz32(special & -special)) >> 3;
        at += plain;
        to += plain;
        const character = bytes[at] === BACKSLASH ? ESCAPES[bytes[at + 1]] : 0;
        if (character === 0)
            break;
        target.setUint8(to++, character);
        at += 2;
    }
    json.at = at;
    text.length = to;
    return end;
}
/**
 * A word in which the high bit of the lowest byte that is set is that of the first quotation mark, backslash or control
 * character; 0 where there is none. `(x - 0x01…) & ~x & 0x80…` tells in this way where a byte of x is 0, and with n
 * instead of 1 where one is below n. With bit 1 turned, quotation mark and control characters are those below 0x21.
 */
function specialBytes(word) {
    const turned = word ^ 0x02020202;
    const slashes = word ^ 0x5c5c5c5c;
    return (((turned - 0x21212121) & ~turned) | ((slashes - 0x01010101) & ~slashes)) & HIGH_BITS;
}
/** 0x80808080 as a signed number. */
const HIGH_BITS = -0x7f7f7f80;
/** What a letter after a backslash stands for; 0 where it is no escape. */
const ESCAPES = new Uint8Array(256);
for (const [letter, character] of Object.entries({
    '"': '"',
    '\\': '\\',
    '/': '/',
    b: '\b',
    f: '\f',
    n: '\n',
    r: '\r',
    t: '\t',
}))
    ESCAPES[letter.charCodeAt(0)] = character.charCodeAt(0);
/** @param json after the backslash */
function appendUnicodeEscape(json, text) {
    if (json.bytes[json.at++] !== LETTER_U)
        return false;
    const code = fourHexDigits(json);
    if (code < 0 || isLowSurrogate(code))
        return false;
    if (code < 0xd800 || code > 0xdfff) {
        text.appendCodePoint(code);
        return true;
    }
    if (json.bytes[json.at++] !== BACKSLASH || json.bytes[json.at++] !== LETTER_U)
        return false;
    const low = fourHexDigits(json);
    if (!isLowSurrogate(low))
        return false;
    text.appendCodePoint(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
    return true;
}
function isLowSurrogate(code) {
    return code >= 0xdc00 && code <= 0xdfff;
}
/** @returns a negative number where they are no hexadecimal digits */
function fourHexDigits(json) {
    let code = 0;
    for (let i = 0; i < 4; i++)
        code = (code << 4) | HEX_DIGITS[json.bytes[json.at++]];
    return code;
}
/** -1, which no shift makes positive, where a byte is no digit. */
const HEX_DIGITS = new Int8Array(256).fill(-1);
for (const digit of '0123456789abcdefABCDEF')
    HEX_DIGITS[digit.charCodeAt(0)] = Number.parseInt(digit, 16);


/***/ }),

/***/ 737:
/***/ ((module, __unused_webpack___webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(module, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony import */ var node_fs_promises__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(455);
/* harmony import */ var node_fs_promises__WEBPACK_IMPORTED_MODULE_0___default = /*#__PURE__*/__nccwpck_require__.n(node_fs_promises__WEBPACK_IMPORTED_MODULE_0__);
/* harmony import */ var node_worker_threads__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(919);
/* harmony import */ var node_worker_threads__WEBPACK_IMPORTED_MODULE_1___default = /*#__PURE__*/__nccwpck_require__.n(node_worker_threads__WEBPACK_IMPORTED_MODULE_1__);
/* harmony import */ var _prometheus_actions_stage_confinement__WEBPACK_IMPORTED_MODULE_5__ = __nccwpck_require__(910);
/* harmony import */ var _frame_lane_js__WEBPACK_IMPORTED_MODULE_3__ = __nccwpck_require__(456);
/* harmony import */ var _row_files_js__WEBPACK_IMPORTED_MODULE_4__ = __nccwpck_require__(902);
/* harmony import */ var _row_index_js__WEBPACK_IMPORTED_MODULE_2__ = __nccwpck_require__(629);
/* harmony import */ var _thread_fault_js__WEBPACK_IMPORTED_MODULE_6__ = __nccwpck_require__(35);
var __webpack_async_dependencies__ = __webpack_handle_async_dependencies__([_frame_lane_js__WEBPACK_IMPORTED_MODULE_3__]);
_frame_lane_js__WEBPACK_IMPORTED_MODULE_3__ = (__webpack_async_dependencies__.then ? (await __webpack_async_dependencies__)() : __webpack_async_dependencies__)[0];
// A thread that runs a lane: started by LaneWorker. It imports what a lane needs and no more, for it has a heap of its own.







const port = node_worker_threads__WEBPACK_IMPORTED_MODULE_1__.parentPort;
const setup = node_worker_threads__WEBPACK_IMPORTED_MODULE_1__.workerData;
const index = new _row_index_js__WEBPACK_IMPORTED_MODULE_2__/* .RowIndex */ .V(setup.index);
// The spool has no name any more.
const spool = setup.spool === undefined ? undefined : await (0,node_fs_promises__WEBPACK_IMPORTED_MODULE_0__.open)(`/dev/fd/${setup.spool}`);
const lane = new _frame_lane_js__WEBPACK_IMPORTED_MODULE_3__/* .FrameLane */ .u(setup.settings, index, new _row_files_js__WEBPACK_IMPORTED_MODULE_4__/* .RowFiles */ .i(index.sources, spool));
port.on('message', async (task) => {
    const answer = (answer) => port.postMessage(answer);
    try {
        await (0,_prometheus_actions_stage_confinement__WEBPACK_IMPORTED_MODULE_5__/* .confined */ .dg)(setup.confinement, () => lane.run(task, (batch) => answer({ batch })));
        answer({});
    }
    catch (error) {
        answer({ fault: (0,_thread_fault_js__WEBPACK_IMPORTED_MODULE_6__/* .faultOf */ .K)(error) });
    }
});

__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } }, 1);

/***/ }),

/***/ 691:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  X: () => (/* binding */ decodeRow)
});

// EXTERNAL MODULE: ./packages/stage/src/errors.ts
var errors = __nccwpck_require__(499);
;// CONCATENATED MODULE: ./packages/dataset/src/messages.ts
/**
 * What is wrong with a row's messages; undefined where nothing is.
 *
 * A key beside role and content says nothing where its value is null or empty: Arrow pads messages with such keys, for
 * all have those that any of them has. A conversation is trained on as chat templates render it: perhaps a system message, then user and assistant in turn,
 * the assistant last.
 */
function messagesProblem(value) {
    if (!Array.isArray(value))
        return { problem: 'is no list of messages', hint: CONVERSATION };
    if (value.length === 0)
        return { problem: 'is an empty list', hint: CONVERSATION };
    for (const [place, message] of value.entries()) {
        const found = messageProblem(message);
        if (found)
            return { ...found, problem: `message ${place} (from 0) ${found.problem}` };
    }
    const problem = turnsProblem(value.map(({ role }) => role));
    return problem === undefined ? undefined : { problem, hint: CONVERSATION };
}
const CONVERSATION = 'Messages are {"role", "content"}: perhaps a system message, then user and assistant in turn, the assistant last.';
function messageProblem(message) {
    if (message === null || typeof message !== 'object' || Array.isArray(message)) {
        return { problem: 'is no object', hint: CONVERSATION };
    }
    const { role, content, ...others } = message;
    if (typeof role !== 'string')
        return { problem: 'has no text as its "role"', hint: CONVERSATION };
    const other = Object.keys(others).find((key) => !saysNothing(others[key]));
    if (other !== undefined) {
        return {
            problem: `has the key "${other}" beside "role" and "content": ${shown(others[other])}`,
            hint: `Nothing but role and content is trained on. Drop the rows for which "${other}" matters, and take the key out of the others or make it null.`,
        };
    }
    if (typeof content !== 'string') {
        return { problem: 'has no text as its "content"', hint: CONVERSATION };
    }
    if (!role.isWellFormed() || !content.isWellFormed()) {
        return {
            problem: 'holds half of a surrogate pair, which has no UTF-8 form',
            hint: 'Replace the escape, or write both halves.',
        };
    }
    return undefined;
}
/** Null, an empty list, or keys that all say nothing, as Arrow fills up what a row does not have. */
function saysNothing(value) {
    if (value === null)
        return true;
    if (Array.isArray(value))
        return value.length === 0;
    return typeof value === 'object' && Object.values(value).every(saysNothing);
}
/** Characters of a value that a message shows. */
const SHOWN = 40;
function shown(value) {
    const text = JSON.stringify(value);
    return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
function turnsProblem(roles) {
    const first = roles[0] === 'system' ? 1 : 0;
    for (let place = first; place < roles.length; place++) {
        const expected = (place - first) % 2 === 0 ? 'user' : 'assistant';
        if (roles[place] !== expected) {
            return `message ${place} (from 0) has the role "${roles[place]}" where "${expected}" should stand`;
        }
    }
    return roles.at(-1) === 'assistant' ? undefined : 'ends without an answer of the assistant';
}

// EXTERNAL MODULE: ./packages/dataset/src/sources/json-row-scanner.ts
var json_row_scanner = __nccwpck_require__(501);
;// CONCATENATED MODULE: ./packages/dataset/src/repeated-key.ts

/**
 * A key that an object within a column of a row has twice, of which a parser keeps the last without a word; undefined
 * where there is none. Keys are compared by what they say, however they are escaped.
 *
 * @param json valid text of a row
 * @returns also the bytes of the row before the second one
 */
function repeatedKey({ bytes, at, end }, column) {
    /** Keys of the objects that are open, the row first; undefined for a list. */
    const open = [];
    let isInColumn = false;
    for (let next = at; next < end; next++) {
        const byte = bytes[next];
        if (byte === json_row_scanner/* Byte */.x5.openBrace)
            open.push(new Set());
        else if (byte === json_row_scanner/* Byte */.x5.openBracket)
            open.push(undefined);
        else if (byte === json_row_scanner/* Byte */.x5.closeBrace || byte === json_row_scanner/* Byte */.x5.closeBracket)
            open.pop();
        else if (byte === json_row_scanner/* Byte */.x5.quote) {
            const close = (0,json_row_scanner/* closingQuote */.m2)(bytes, next + 1);
            const keys = open.at(-1);
            if (keys && bytes[(0,json_row_scanner/* skipSpace */.AN)(bytes, close + 1)] === json_row_scanner/* Byte */.x5.colon) {
                const key = JSON.parse(bytes.toString('utf8', next, close + 1));
                if (open.length === 1)
                    isInColumn = key === column;
                else if (isInColumn && keys.has(key))
                    return { key, at: next - at };
                else
                    keys.add(key);
            }
            next = close;
        }
    }
    return undefined;
}

;// CONCATENATED MODULE: ./packages/dataset/src/row-cells.ts



/**
 * Cells of a row, in the order of the columns.
 *
 * @param json its text
 * @throws ConfigurationError with file, row and byte offset, for text that JSON or UTF-8 does not allow
 */
function decodeRow(json, row, index, columns) {
    const text = json.bytes.toString('utf8', json.at, json.end);
    let object = parseRow(text, row, index);
    if (needsExactIntegers(object, columns))
        object = parseExactIntegers(text);
    return columns.map(({ name, type }) => {
        const value = object[name];
        if (type === 'messages')
            return checkedMessages(value, { name, json, row, index });
        switch (typeof value) {
            case 'string':
                if (!value.isWellFormed())
                    throw loneSurrogate(name, row, index);
                return value;
            case 'number':
                // An int64 that float64 holds exactly; -0 is the integer 0.
                return type === 'int64' ? BigInt(value) : value;
            case 'bigint':
                return type === 'int64' ? value : Number(value);
            case 'boolean':
                return value;
            default:
                // Null, a missing key, or what a missing key inherits, as "constructor".
                return null;
        }
    });
}
function parseRow(text, row, index) {
    try {
        return JSON.parse(text);
    }
    catch (error) {
        const { message } = error;
        const character = Number(/at position (\d+)/.exec(message)?.[1] ?? 0);
        throw faultAt(row, index, Buffer.byteLength(text.slice(0, character)), message.replace(/ at position.*$/s, ''), {
            hint: 'Correct the text there: control characters and backslashes in it must be escaped.',
        });
    }
}
function needsExactIntegers(object, columns) {
    for (const { name, type } of columns) {
        if (type !== 'int64')
            continue;
        const value = object[name];
        if (typeof value === 'number' && !Number.isSafeInteger(value))
            return true;
    }
    return false;
}
/** Integers as bigint, from their digits: `JSON.parse` alone rounds those above 2^53. */
function parseExactIntegers(text) {
    const reviver = (_key, value, context) => typeof value === 'number' && context?.source && /^-?\d+$/.test(context.source)
        ? BigInt(context.source)
        : value;
    return JSON.parse(text, reviver);
}
function checkedMessages(value, { name, json, row, index }) {
    const repeated = repeatedKey(json, name);
    if (repeated) {
        const problem = `column "${name}": key "${repeated.key}" stands twice in a message`;
        throw faultAt(row, index, repeated.at, problem, { hint: 'Keep one of the two.' });
    }
    const found = messagesProblem(value);
    if (found === undefined)
        return value;
    throw faultAt(row, index, 0, `column "${name}": ${found.problem}`, { hint: found.hint });
}
function loneSurrogate(name, row, index) {
    return faultAt(row, index, 0, `column "${name}" holds half of a surrogate pair (\\ud800 to \\udfff alone)`, {
        hint: 'Such text has no UTF-8 form: replace the escape, or write both halves.',
    });
}
function faultAt(row, index, at, problem, { hint }) {
    const { path, where } = index.describe(row, at);
    return new errors/* ConfigurationError */.j1(`${where}: ${problem}`, { hint, place: { file: path } });
}


/***/ }),

/***/ 286:
/***/ ((module, __webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(module, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   mw: () => (/* binding */ FactsGatherer),
/* harmony export */   nz: () => (/* binding */ isEvenlySpread)
/* harmony export */ });
/* unused harmony export SHORT_ANSWER_CHARACTERS */
/* harmony import */ var _code_points_js__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(147);
/* harmony import */ var _text_hashes_js__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(950);
/* harmony import */ var _verdict_js__WEBPACK_IMPORTED_MODULE_2__ = __nccwpck_require__(377);
var __webpack_async_dependencies__ = __webpack_handle_async_dependencies__([_text_hashes_js__WEBPACK_IMPORTED_MODULE_1__]);
_text_hashes_js__WEBPACK_IMPORTED_MODULE_1__ = (__webpack_async_dependencies__.then ? (await __webpack_async_dependencies__)() : __webpack_async_dependencies__)[0];



const SHORT_ANSWER_CHARACTERS = 40;
/** Gathers the facts of some rows. */
class FactsGatherer {
    #facts;
    #isSample;
    #repeats;
    #rows = 0;
    /**
     * @param rows how many will be added
     * @param repeatColumns number of columns, besides the user column, of which repeated texts are counted
     * @param isSample whether the tokens of the `row`-th of these rows are to be counted
     */
    constructor(rows, repeatColumns, isSample) {
        this.#isSample = isSample;
        this.#repeats = new Array(repeatColumns).fill(0);
        this.#facts = {
            userCharacters: new Uint32Array(rows),
            assistantCharacters: new Uint32Array(rows),
            bytes: new Uint32Array(rows),
            empty: { user: 0, assistant: 0 },
            shortAnswers: 0,
            userHashes: new BigUint64Array(rows),
            conversationHashes: new BigUint64Array(rows),
            repeatHashes: this.#repeats.map(() => new BigUint64Array(rows)),
            verdicts: [],
            samples: [],
        };
    }
    /** Add a row, in UTF-8. @param texts of the repeat columns, in their order; `null` is no text */
    add(user, assistant, texts) {
        const facts = this.#facts;
        const row = this.#rows++;
        const assistantCharacters = (0,_code_points_js__WEBPACK_IMPORTED_MODULE_0__/* .codePoints */ .B)(assistant);
        facts.userCharacters[row] = (0,_code_points_js__WEBPACK_IMPORTED_MODULE_0__/* .codePoints */ .B)(user);
        facts.assistantCharacters[row] = assistantCharacters;
        facts.bytes[row] = user.length + assistant.length;
        if (isBlank(user))
            facts.empty.user++;
        if (isBlank(assistant))
            facts.empty.assistant++;
        else if (assistantCharacters < SHORT_ANSWER_CHARACTERS)
            facts.shortAnswers++;
        // The user text is long: its hash stands for it in that of the conversation.
        const userHash = (0,_text_hashes_js__WEBPACK_IMPORTED_MODULE_1__/* .hashText */ .qj)(user);
        facts.userHashes[row] = userHash;
        facts.conversationHashes[row] = (0,_text_hashes_js__WEBPACK_IMPORTED_MODULE_1__/* .hashText */ .qj)(assistant, userHash);
        for (let i = 0; i < texts.length; i++) {
            const text = texts[i];
            if (text)
                facts.repeatHashes[i][this.#repeats[i]++] = (0,_text_hashes_js__WEBPACK_IMPORTED_MODULE_1__/* .hashText */ .qj)(text);
        }
        facts.verdicts.push((0,_verdict_js__WEBPACK_IMPORTED_MODULE_2__/* .verdictOf */ .Vj)(assistant));
        if (this.#isSample(row))
            facts.samples.push({ row, user: user.toString(), assistant: assistant.toString() });
    }
    finish() {
        const repeatHashes = this.#facts.repeatHashes.map((hashes, i) => hashes.slice(0, this.#repeats[i]));
        return { ...this.#facts, repeatHashes };
    }
}
/** Whether a row is one of the `most`, or fewer, that stand evenly spread among `rows`. */
function isEvenlySpread(row, rows, most) {
    const chosen = Math.min(rows, most);
    return Math.ceil(((row + 1) * chosen) / rows) > Math.ceil((row * chosen) / rows);
}
/** Whether UTF-8 is nothing but white space, of all kinds that Unicode has. */
function isBlank(text) {
    const first = text[0];
    // Most texts start with a character of ASCII that is no space or control character.
    if (first !== undefined && first > 0x20 && first < 0x80)
        return false;
    return text.toString().trim() === '';
}

__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } });

/***/ }),

/***/ 902:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  i: () => (/* binding */ RowFiles)
});

// EXTERNAL MODULE: external "node:buffer"
var external_node_buffer_ = __nccwpck_require__(573);
// EXTERNAL MODULE: external "node:fs"
var external_node_fs_ = __nccwpck_require__(24);
// EXTERNAL MODULE: external "node:fs/promises"
var promises_ = __nccwpck_require__(455);
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __nccwpck_require__(760);
var external_node_path_default = /*#__PURE__*/__nccwpck_require__.n(external_node_path_);
// EXTERNAL MODULE: ./packages/stage/src/confinement.ts + 1 modules
var src_confinement = __nccwpck_require__(910);
// EXTERNAL MODULE: ./packages/stage/src/errors.ts
var errors = __nccwpck_require__(499);
;// CONCATENATED MODULE: ./packages/stage/src/links.ts


/** As many as Linux follows. */
const MOST_LINKS = 40;
const NOTHING = new Set(['ENOENT', 'ENOTDIR']);
/**
 * Follows a path inside a folder, link by link. Names are bytes: the file systems of Linux know no encoding, and Node's
 * own functions do not find what is not UTF-8.
 *
 * @param root absolute; links on the way to the folder itself are followed wherever they lead
 * @param file absolute, inside the root by its text
 */
function followLinks(root, file) {
    const links = [];
    let folder;
    try {
        folder = bytesOf(external_node_fs_.realpathSync.native(root, 'buffer'));
    }
    catch (error) {
        const code = codeOf(error);
        return NOTHING.has(code)
            ? { root, links, end: 'missing', real: Buffer.from(file) }
            : { root, links, end: 'unknown', code };
    }
    const way = { root: Buffer.from(folder, 'latin1').toString(), links };
    const roots = [folder, bytesOf(Buffer.from(root))];
    let parts = splitPath(bytesOf(Buffer.from(external_node_path_default().relative(root, file))));
    let here = [];
    let stats;
    const at = (names) => Buffer.from([folder, ...names].join('/'), 'latin1');
    try {
        stats = (0,external_node_fs_.lstatSync)(at([]));
        for (let next = parts.shift(); next !== undefined; next = parts.shift()) {
            if (!stats.isDirectory())
                return { ...way, end: 'missing', real: at([...here, next, ...parts]) };
            if (next === '..') {
                if (here.length === 0)
                    return { ...way, end: 'outside' };
                here = here.slice(0, -1);
                stats = (0,external_node_fs_.lstatSync)(at(here));
                continue;
            }
            const found = (0,external_node_fs_.lstatSync)(at([...here, next]), { throwIfNoEntry: false });
            if (!found)
                return { ...way, end: 'missing', real: at([...here, next, ...parts]) };
            if (!found.isSymbolicLink()) {
                here = [...here, next];
                stats = found;
                continue;
            }
            const link = at([...here, next]);
            if (links.push(link) > MOST_LINKS)
                return { ...way, end: 'unknown', code: 'ELOOP' };
            const target = bytesOf((0,external_node_fs_.readlinkSync)(link, 'buffer'));
            if (target.startsWith('/')) {
                const known = roots.find((each) => target === each || target.startsWith(`${each}/`));
                if (known === undefined)
                    return { ...way, end: 'outside' };
                here = [];
                stats = (0,external_node_fs_.lstatSync)(at([]));
                parts = [...splitPath(target.slice(known.length)), ...parts];
            }
            else
                parts = [...splitPath(target), ...parts];
        }
        return { ...way, end: 'found', real: at(here), below: here, stats };
    }
    catch (error) {
        const code = codeOf(error);
        return NOTHING.has(code) ? { ...way, end: 'missing', real: at(here) } : { ...way, end: 'unknown', code };
    }
}
function splitPath(text) {
    return text.split('/').filter((part) => part !== '' && part !== '.');
}
/** One character a byte, so that text functions work on it. */
function bytesOf(bytes) {
    return bytes.toString('latin1');
}
function codeOf(error) {
    return error.code ?? String(error);
}

;// CONCATENATED MODULE: ./packages/stage/src/visible-text.ts
/** Controls, line separators, lone surrogates, and what reorders or hides other characters (bidi marks, zero width). */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const SHORT_FORMS = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** Characters of one text that are shown. */
const MOST = 2000;
/**
 * Text with parts that others wrote, fit for a terminal, an annotation or a report: each character that can't be seen is
 * written as its code (`\u{202e}`), so that it neither drives a terminal nor shows something else than is there. Of more
 * than 2,000 characters the middle is left out.
 */
function visibleText(text) {
    return shortened(text).replaceAll(UNSEEN, (character) => SHORT_FORMS[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
/** The same for a line of a file with a caret under it: one column for each character, a replacement for the unseen. */
function visibleColumns(line) {
    return line.replaceAll('\t', ' ').replaceAll(UNSEEN, '\u{FFFD}');
}
function shortened(text) {
    if (text.length <= MOST)
        return text;
    const half = MOST / 2;
    return `${text.slice(0, half)} … (${text.length - MOST} characters left out) … ${text.slice(-half)}`;
}

;// CONCATENATED MODULE: ./packages/stage/src/confined-files.ts








/** A path that may not be read: it leads out of the folder that it is confined to, or can't be followed. */
class RefusedPath extends errors/* ConfigurationError */.j1 {
    /** What is wrong with it, without its name. */
    reason;
    constructor(name, reason, hint) {
        super(`${name} ${reason}`, { hint });
        this.reason = reason;
    }
}
/**
 * The one way to read a file whose name or place a stranger may have chosen. Under a confinement the path is followed
 * link by link, and what is then opened is compared, by its descriptor, with where the links lead: nothing outside is
 * opened, listed or looked for. Without one these are Node's own functions.
 *
 * @param file absolute, or relative to the working folder
 * @throws RefusedPath; Node's error where the system refuses
 */
async function openFile(file) {
    return withPlace(file, (place) => (0,promises_.open)(place));
}
/** The content of a file; see {@link openFile}. */
function readFile(file) {
    return withPlace(file, (place) => readFileSync(place));
}
/** The first bytes of a file, at most `bytes` of them; see {@link openFile}. */
function readStart(file, bytes) {
    return withPlace(file, (place) => {
        const descriptor = openSync(place, 'r');
        try {
            const start = Buffer.alloc(bytes);
            return start.subarray(0, readSync(descriptor, start));
        }
        finally {
            closeSync(descriptor);
        }
    });
}
/** What a path leads to; undefined where nothing is there. See {@link openFile}. */
function statFile(file) {
    const found = locate(file);
    return found === 'free' ? statSync(file, { throwIfNoEntry: false }) : found?.stats;
}
/** Whether something that may be read is there. */
function isThere(file) {
    try {
        return statFile(file) !== undefined;
    }
    catch {
        return false;
    }
}
/** Whether a regular file that may be read is there. */
function isFile(file) {
    return isThere(file) && statFile(file)?.isFile() === true;
}
/** Why a path may not be read; undefined where it may, or where nothing is there. */
function refusalOf(file) {
    try {
        statFile(file);
        return undefined;
    }
    catch (error) {
        return error instanceof RefusedPath ? error : undefined;
    }
}
/**
 * Names beside a file, for a hint; none of a folder that the user alone knows, and of which a stranger may ask.
 */
function siblingNames(file) {
    const folder = path.dirname(path.resolve(file));
    if (confinement() && typeof enclosureOf(folder) === 'string')
        return [];
    try {
        return listFolder(folder).entries.map(({ name }) => name);
    }
    catch {
        return [];
    }
}
/** What is in a folder; see {@link openFile}. */
function listFolder(folder) {
    const entries = withPlace(folder, (place) => readdirSync(place, { withFileTypes: true, encoding: 'buffer' }));
    const nameable = entries.filter(({ name }) => isUtf8(name));
    return {
        entries: nameable.map((entry) => named(entry, folder)).sort((a, b) => (a.name < b.name ? -1 : 1)),
        unnameable: entries.length - nameable.length,
    };
}
function named(entry, folder) {
    return Object.assign(Object.create(Object.getPrototypeOf(entry)), entry, {
        name: entry.name.toString(),
        parentPath: folder,
    });
}
/** Linux opens what has this flag without an effect on it, also a device or a pipe. Node does not name it. */
const O_PATH = 0o10000000;
const DESCRIPTORS = '/proc/self/fd';
/** Gives `use` a path under which the system opens just what was checked. */
function withPlace(file, use) {
    const found = locate(file);
    if (found === 'free')
        return use(file);
    if (found === undefined)
        throw missing(file);
    const { real, stats } = found;
    if (process.platform !== 'linux')
        return use(real.toString());
    const descriptor = (0,external_node_fs_.openSync)(real, O_PATH | external_node_fs_.constants.O_NOFOLLOW);
    const place = `${DESCRIPTORS}/${descriptor}`;
    try {
        const { dev, ino } = (0,external_node_fs_.fstatSync)(descriptor);
        if (dev !== stats.dev || ino !== stats.ino || !(0,external_node_fs_.readlinkSync)(place, 'buffer').equals(real))
            throw refused(file, 'was replaced while it was opened', 'Run again when nothing writes there.');
        const result = use(place);
        if (!(result instanceof Promise)) {
            (0,external_node_fs_.closeSync)(descriptor);
            return result;
        }
        const closed = result.finally(() => (0,external_node_fs_.closeSync)(descriptor));
        return closed.catch((error) => Promise.reject(withName(error, place, file)));
    }
    catch (error) {
        (0,external_node_fs_.closeSync)(descriptor);
        throw withName(error, place, file);
    }
}
/** Node's error with the name that the caller knows. */
function withName(error, place, file) {
    if (error instanceof Error && 'path' in error) {
        error.message = error.message.replaceAll(place, file);
        error.path = file;
    }
    return error;
}
function locate(file) {
    if (file.includes('\0'))
        return undefined;
    const absolute = external_node_path_default().resolve(file);
    const enclosure = (0,src_confinement/* enclosureOf */.eH)(absolute);
    if (enclosure === 'free')
        return 'free';
    if (enclosure === 'outside')
        throw refused(file, 'leads out of the workspace', NAME_IT);
    const route = followLinks(enclosure.root, absolute);
    if (route.end === 'missing')
        return undefined;
    if (route.end === 'outside')
        throw refused(file, 'leads out of the workspace', NAME_IT);
    if (route.end === 'unknown')
        throw refused(file, `can't be followed: ${route.code}`, NAME_IT);
    const problem = oddity(route.stats, route.below, enclosure.isStrangers);
    if (problem)
        throw refused(file, ...problem);
    if (enclosure.isStrangers && route.stats.isFile() && isHollow(route.real.toString(), route.stats))
        throw refused(file, `has ${route.stats.size} bytes, nearly all of them a hole`, 'Write the file again.');
    return route;
}
const NAME_IT = 'Put the file itself into the repository, and name it from there.';
/** Bytes from which that counts: less is read at once. */
const HOLLOW_BYTES = 1 << 20;
/** No compression of a file system makes real data so small. */
const HOLLOW_RATIO = 100;
const BLOCK_BYTES = 512;
const PROBES = 16;
const PROBE_BYTES = 4096;
/** Why something in the workspace is not taken for a file or folder of its own. */
function oddity(stats, below, isStrangers) {
    // `.git` holds the credentials of a checkout that keeps them.
    if (isStrangers && below.some((name) => name.toLowerCase() === '.git'))
        return ["is one of git's own files", 'Name a file of the repository.'];
    if (stats.isDirectory())
        return undefined;
    if (!stats.isFile())
        return ['is neither a file nor a folder', 'Put a file there.'];
    if (!isStrangers)
        return undefined;
    // What a checkout writes has one name. Another one may be that of any file of the machine.
    if (stats.nlink > 1)
        return ['is a hard link to a file with another name', 'Put a copy there (cp).'];
    return undefined;
}
/** Whether a large file is all zeros where it is looked at, and takes hardly any room: reading it would take for ever. */
function isHollow(place, { size, blocks }) {
    if (size < HOLLOW_BYTES || blocks * BLOCK_BYTES * HOLLOW_RATIO >= size)
        return false;
    // Some file systems do not say what room a file takes.
    const descriptor = (0,external_node_fs_.openSync)(place, 'r');
    try {
        const probe = Buffer.alloc(PROBE_BYTES);
        return Array.from({ length: PROBES }, (_, at) => Math.floor((size / PROBES) * (at + 0.5))).every((position) => probe.subarray(0, (0,external_node_fs_.readSync)(descriptor, probe, { position })).every((byte) => byte === 0));
    }
    finally {
        (0,external_node_fs_.closeSync)(descriptor);
    }
}
/** The error for a path, by its name in the workspace where it is there. */
function refused(file, problem, hint) {
    const rule = (0,src_confinement/* confinement */.PE)();
    const short = rule ? external_node_path_default().relative(rule.root, external_node_path_default().resolve(file)) : file;
    const name = short.startsWith('..') ? file : short || '.';
    return new RefusedPath(visibleText(name), problem, hint);
}
function missing(file) {
    const error = new Error(`ENOENT: no such file or directory, open '${file}'`);
    error.code = 'ENOENT';
    error.path = file;
    return error;
}

;// CONCATENATED MODULE: ./packages/dataset/src/row-files.ts

const MAX_OPEN_FILES = 64;
/** Sources to read at offsets; the file unused for longest is closed when too many are open. */
class RowFiles {
    #sources;
    #spool;
    #open = new Map();
    /** @param spool where the text of spooled sources is; closed with the files */
    constructor(sources, spool) {
        this.#sources = sources;
        this.#spool = spool;
    }
    /** Descriptor of the spool, where there is one. */
    get spool() {
        return this.#spool?.fd;
    }
    /** @param file number of the source */
    async handle(file) {
        const { path, spooledAt } = this.#sources[file];
        if (spooledAt !== undefined)
            return this.#spool;
        const known = this.#open.get(file);
        if (known) {
            this.#open.delete(file);
            this.#open.set(file, known);
            return known;
        }
        if (this.#open.size >= MAX_OPEN_FILES) {
            const [oldest, handle] = this.#open.entries().next().value;
            this.#open.delete(oldest);
            await handle.close();
        }
        const handle = await openFile(path);
        this.#open.set(file, handle);
        return handle;
    }
    async close() {
        const handles = [...this.#open.values(), ...(this.#spool ? [this.#spool] : [])];
        this.#open.clear();
        await Promise.all(handles.map((handle) => handle.close()));
    }
}


/***/ }),

/***/ 629:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   V: () => (/* binding */ RowIndex)
/* harmony export */ });
const BLOCK_BITS = 14;
const BLOCK_ROWS = 1 << BLOCK_BITS;
/** Offsets of all rows of a list of files: 12 bytes a row. */
class RowIndex {
    sources;
    #firstRows;
    #blocks;
    #rows;
    /** @param shared what another index holds; a new one is empty */
    constructor({ sources, firstRows, rows, blocks } = EMPTY) {
        this.sources = [...sources];
        this.#firstRows = [...firstRows];
        this.#blocks = [...blocks];
        this.#rows = rows;
    }
    get rows() {
        return this.#rows;
    }
    /** Nothing may be added afterwards. */
    share() {
        return { sources: this.sources, firstRows: this.#firstRows, rows: this.#rows, blocks: this.#blocks };
    }
    /** Rows added from now on are those of `source`. */
    beginSource(source) {
        this.sources.push(source);
        this.#firstRows.push(this.#rows);
    }
    add(offset, length) {
        const place = this.#rows % BLOCK_ROWS;
        if (place === 0)
            this.#blocks.push(newBlock());
        const { offsets, lengths } = this.#blocks.at(-1);
        offsets[place] = offset;
        lengths[place] = length;
        this.#rows++;
    }
    /** Bytes of a row's JSON text. */
    length(row) {
        return this.#block(row).lengths[row % BLOCK_ROWS];
    }
    place(row) {
        const { offsets, lengths } = this.#block(row);
        const place = row % BLOCK_ROWS;
        return { file: this.#fileOf(row), offset: offsets[place], length: lengths[place] };
    }
    /** File, and `row 3 (from 0), byte 120`, of a row; `at` bytes into its text. */
    describe(row, at = 0) {
        const { file, offset } = this.place(row);
        const { path, spooledAt = 0, unit } = this.sources[file];
        const inFile = `row ${row - this.#firstRows[file]} (from 0)`;
        return { path, where: unit ? `${inFile}, ${unit} ${offset - spooledAt + at}` : inFile };
    }
    #block(row) {
        return this.#blocks[row >>> BLOCK_BITS];
    }
    #fileOf(row) {
        let low = 0;
        let high = this.#firstRows.length - 1;
        while (low < high) {
            const middle = (low + high + 1) >> 1;
            if (this.#firstRows[middle] <= row)
                low = middle;
            else
                high = middle - 1;
        }
        return low;
    }
}
const EMPTY = { sources: [], firstRows: [], rows: 0, blocks: [] };
function newBlock() {
    return {
        offsets: new Float64Array(new SharedArrayBuffer(8 * BLOCK_ROWS)),
        lengths: new Uint32Array(new SharedArrayBuffer(4 * BLOCK_ROWS)),
    };
}


/***/ }),

/***/ 354:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   a: () => (/* binding */ readRows)
/* harmony export */ });
/* harmony import */ var node_fs__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(24);
/* harmony import */ var node_fs__WEBPACK_IMPORTED_MODULE_0___default = /*#__PURE__*/__nccwpck_require__.n(node_fs__WEBPACK_IMPORTED_MODULE_0__);
/* harmony import */ var _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_2__ = __nccwpck_require__(499);
/* harmony import */ var _json_string_js__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(552);



/** Few enough to be in the processor's cache still when they are decoded, many enough to keep a disk busy. */
const GROUP_BYTES = 256 << 10;
/** A group with what lies between its rows mostly fits. */
const ARENA_BYTES = GROUP_BYTES + (64 << 10);
/** Rows this close on the disk are read together, with what lies between them. */
const GAP_BYTES = 4 << 10;
/**
 * Read runs of rows, one after the other, in groups. Within a group the disk is read in ascending order, rows that lie
 * side by side in one piece; what has to come from the disk is read while the caller works on the group before.
 *
 * A group is valid until the next one is asked for.
 *
 * @throws ConfigurationError when a file became shorter since it was indexed
 */
async function* readRows(runs, index, files) {
    const arenas = [Buffer.allocUnsafe(ARENA_BYTES), Buffer.allocUnsafe(ARENA_BYTES)];
    const groups = groupsOf(runs, index);
    const load = () => {
        const { value: group } = groups.next();
        if (!group)
            return undefined;
        const loading = loadRows(group, arenas[0], index, files);
        arenas.reverse();
        // It is awaited below; until then, or when the caller stops, a failure must not count as unhandled.
        loading.catch(() => { });
        return loading;
    };
    for (let next = load(); next;) {
        const loaded = await next;
        next = load();
        yield groupOf(loaded, index);
    }
}
function* groupsOf(runs, index) {
    for (const run of runs) {
        for (let start = 0; start < run.length;) {
            const end = groupEnd(run, start, index);
            yield { rows: run.subarray(start, end), endsRun: end === run.length };
            start = end;
        }
    }
}
function groupOf({ rows, endsRun, buffer, positions }, index) {
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    const json = { bytes: buffer, view, at: 0, end: 0 };
    return {
        rows,
        endsRun,
        json: (i) => {
            const row = rows[i];
            json.at = positions.get(row);
            json.end = json.at + index.length(row);
            return json;
        },
    };
}
function groupEnd(order, start, index) {
    let end = start;
    for (let bytes = 0; end < order.length; end++) {
        bytes += index.length(order[end]);
        if (bytes > GROUP_BYTES && end > start)
            break;
    }
    return end;
}
/** Row numbers ascend as the rows lie in the files. @param positions takes the position of each row */
function planExtents(rows, index, positions) {
    const extents = [];
    let last;
    for (const row of rows.toSorted()) {
        const { file, offset, length } = index.place(row);
        if (last && last.file === file && offset - (last.offset + last.length) <= GAP_BYTES) {
            last.length = offset + length - last.offset;
        }
        else {
            last = { file, offset, length, position: last ? last.position + last.length : 0 };
            extents.push(last);
        }
        positions.set(row, last.position + offset - last.offset);
    }
    return extents;
}
async function loadRows({ rows, endsRun }, arena, index, files) {
    const positions = new Map();
    const extents = planExtents(rows, index, positions);
    const needed = extents.reduce((sum, { length }) => sum + length, _json_string_js__WEBPACK_IMPORTED_MODULE_1__/* .WORD_BYTES */ .j);
    const buffer = needed <= arena.length ? arena : Buffer.allocUnsafe(needed);
    const reads = [];
    let open;
    let inMemory = true;
    for (const { file, offset, length, position } of extents) {
        if (open?.file !== file)
            open = { file, handle: await files.handle(file) };
        const piece = {
            handle: open.handle,
            path: index.sources[file].path,
            target: buffer.subarray(position, position + length),
            offset,
        };
        if (inMemory && length <= SMALL_PIECE_BYTES)
            inMemory = readAtOnce(piece);
        else
            reads.push(readFully(piece));
    }
    await Promise.all(reads);
    return { rows, endsRun, buffer, positions };
}
/** A small piece that is in the system's page cache is there sooner than a thread that reads it. */
const SMALL_PIECE_BYTES = 64 << 10;
/** From the page cache a small piece takes some microseconds, from a disk a hundred or more. */
const CACHED_READ_MS = 0.05;
/** @returns whether the piece was in memory already; if not, several of the next are better read at the same time */
function readAtOnce(piece) {
    const started = performance.now();
    for (let filled = 0; filled < piece.target.length;) {
        const { handle, target, offset } = piece;
        filled += checked((0,node_fs__WEBPACK_IMPORTED_MODULE_0__.readSync)(handle.fd, target, filled, target.length - filled, offset + filled), piece, filled);
    }
    return performance.now() - started < CACHED_READ_MS;
}
async function readFully(piece) {
    const { handle, target, offset } = piece;
    for (let filled = 0; filled < target.length;) {
        const { bytesRead } = await handle.read(target, filled, target.length - filled, offset + filled);
        filled += checked(bytesRead, piece, filled);
    }
}
/** @returns the bytes that were read @throws ConfigurationError when there are none */
function checked(bytesRead, { path, offset }, filled) {
    if (bytesRead > 0)
        return bytesRead;
    throw new _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1(`the file became shorter while it was read: it ended at byte ${offset + filled}`, {
        hint: 'Leave the source alone while the data is prepared, and start again.',
        place: { file: path },
    });
}


/***/ }),

/***/ 541:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   T: () => (/* binding */ ShardPlaces),
/* harmony export */   o: () => (/* binding */ WritingStopped)
/* harmony export */ });
/* harmony import */ var _arrow_message_js__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(487);

/** Says that the writing ended early, to those who wait for their turn. */
class WritingStopped extends Error {
    name = 'WritingStopped';
}
/** Cells of 4 bytes: the batch to be made next, that whose turn it is, and the shard at hand; from 16 on, its bytes in 8. */
const NEXT = 0;
const TURN = 1;
const SHARD = 2;
const SHARD_BYTES = 2;
const SHARED_BYTES = 24;
const STOPPED = -1;
/**
 * Shares the batches out among threads, and gives them their places, one after the other: how many bytes a batch takes
 * is known once it is made, and where it begins once those before it are.
 */
class ShardPlaces {
    /** For another thread. */
    shared;
    #cells;
    #sizes;
    #maxShardBytes;
    /** @param maxShardBytes a shard that holds more than one batch stays below this */
    constructor(maxShardBytes, shared = new SharedArrayBuffer(SHARED_BYTES)) {
        this.shared = shared;
        this.#cells = new Int32Array(shared);
        this.#sizes = new Float64Array(shared);
        this.#maxShardBytes = maxShardBytes;
    }
    /** Number of a batch that no thread makes yet, from 0 and without end. */
    claim() {
        return Atomics.add(this.#cells, NEXT, 1);
    }
    /**
     * Wait until all batches before one have their places; it may have its own too.
     *
     * @throws WritingStopped when that will not be
     */
    async turnOf(batch) {
        for (;;) {
            const turn = Atomics.load(this.#cells, TURN);
            if (turn === STOPPED)
                throw new WritingStopped();
            if (turn >= batch)
                return;
            const change = Atomics.waitAsync(this.#cells, TURN, turn);
            if (change.async)
                await change.value;
        }
    }
    /** The place of a batch, in its turn. @param schemaBytes come before the batch where it begins a shard */
    take(bytes, schemaBytes) {
        const filled = this.#sizes[SHARD_BYTES];
        const isFull = filled + bytes + _arrow_message_js__WEBPACK_IMPORTED_MODULE_0__/* .END_OF_STREAM */ .Vz.byteLength > this.#maxShardBytes;
        if (filled > 0 && isFull)
            this.#cells[SHARD]++;
        const offset = isFull ? 0 : filled;
        this.#sizes[SHARD_BYTES] = offset + bytes + (offset === 0 ? schemaBytes : 0);
        return { shard: this.#cells[SHARD], offset };
    }
    /** End the turn of a batch. */
    pass(batch) {
        // It does not pass on where the writing has been stopped.
        Atomics.compareExchange(this.#cells, TURN, batch, batch + 1);
        Atomics.notify(this.#cells, TURN);
    }
    /** Let nobody wait any longer. */
    stop() {
        Atomics.store(this.#cells, TURN, STOPPED);
        Atomics.notify(this.#cells, TURN);
    }
}


/***/ }),

/***/ 871:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  E: () => (/* binding */ ShardWriter)
});

// UNUSED EXPORTS: unfinishedShard

// EXTERNAL MODULE: external "node:fs"
var external_node_fs_ = __nccwpck_require__(24);
// EXTERNAL MODULE: external "node:fs/promises"
var promises_ = __nccwpck_require__(455);
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __nccwpck_require__(760);
;// CONCATENATED MODULE: external "node:zlib"
const external_node_zlib_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:zlib");
;// CONCATENATED MODULE: ./packages/dataset/src/shard-writer.ts




/** Writes one thread's batches of a part into shards, which the threads have in common. */
class ShardWriter {
    #folder;
    #schema;
    #places;
    #shard;
    /** @param schema message that opens a shard, in pieces */
    constructor(folder, schema, places) {
        this.#folder = folder;
        this.#schema = schema;
        this.#places = places;
    }
    /**
     * Write one batch to where it belongs, once that is known. It is written by the thread that made it, at once: then it
     * is in that processor's cache still.
     */
    async write(batch, message) {
        await this.#places.turnOf(batch);
        const { shard, offset } = this.#places.take(bytesIn(message), bytesIn(this.#schema));
        const pieces = offset === 0 ? [...this.#schema, ...message] : message;
        if (this.#shard?.number !== shard) {
            await this.close();
            this.#shard = await openShard(this.#folder, shard);
        }
        writeAll(this.#shard.handle.fd, pieces, offset);
        // Not sooner: two threads that write one file would only wait for each other, with a processor each.
        this.#places.pass(batch);
        const bytes = bytesIn(pieces);
        await startFlush(this.#shard, bytes);
        return { shard, offset, bytes, checksums: Uint32Array.from(pieces, (piece) => (0,external_node_zlib_namespaceObject.crc32)(piece)) };
    }
    /** Close the file at hand. */
    async close() {
        const shard = this.#shard;
        this.#shard = undefined;
        try {
            await shard?.flush;
        }
        finally {
            await shard?.handle.close();
        }
    }
}
/** The final name holds the number of shards, which is known at the end. */
function unfinishedShard(folder, number) {
    return (0,external_node_path_.join)(folder, `data-${String(number).padStart(5, '0')}.arrow.part`);
}
async function openShard(folder, number) {
    // Whichever thread has the first batch to write makes it.
    const handle = await (0,promises_.open)(unfinishedShard(folder, number), external_node_fs_.constants.O_WRONLY | external_node_fs_.constants.O_CREAT);
    return { number, handle, unflushedBytes: 0, flush: undefined };
}
const FLUSH_BYTES = 64 << 20;
/** Have the disk write while the next rows are made: who publishes the folder waits for it at the end. */
async function startFlush(shard, bytes) {
    shard.unflushedBytes += bytes;
    if (shard.unflushedBytes < FLUSH_BYTES)
        return;
    await shard.flush;
    shard.unflushedBytes = 0;
    shard.flush = shard.handle.datasync();
    // It is awaited before the next one; until then a failure must not count as unhandled.
    shard.flush.catch(() => { });
}
function writeAll(file, pieces, offset) {
    let rest = pieces;
    let at = offset;
    while (rest.length > 0) {
        const batch = rest.slice(0, MAX_PIECES);
        const written = (0,external_node_fs_.writevSync)(file, batch, at);
        at += written;
        rest = [...unwritten(batch, written), ...rest.slice(MAX_PIECES)];
    }
}
/** Systems take up to 1,024 buffers a call. */
const MAX_PIECES = 1000;
function unwritten(pieces, bytesWritten) {
    let left = bytesWritten;
    const rest = [];
    for (const piece of pieces) {
        if (left >= piece.byteLength)
            left -= piece.byteLength;
        else {
            rest.push(piece.subarray(left));
            left = 0;
        }
    }
    return rest;
}
function bytesIn(pieces) {
    return pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
}


/***/ }),

/***/ 501:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   AN: () => (/* binding */ skipSpace),
/* harmony export */   j5: () => (/* binding */ INCOMPLETE),
/* harmony export */   m2: () => (/* binding */ closingQuote),
/* harmony export */   x5: () => (/* binding */ Byte)
/* harmony export */ });
/* unused harmony exports scanJsonRow, unexpected */

/** The buffer ends inside the row. */
const INCOMPLETE = -1;
/**
 * Scan one JSON object without decoding its text: check its structure, and note its columns and kinds of cells.
 *
 * Long strings are crossed with `Buffer.indexOf`, so the speed is that of a memory scan.
 *
 * @param buffer bytes of the file; the row starts at `start` with `{`
 * @returns offset after the row's `}`, or `INCOMPLETE`; then the caller scans the row again with more bytes
 * @throws RowFault with the offset in `buffer`
 */
function scanJsonRow(buffer, start, row, columns) {
    columns.beginRow(row);
    let at = skipSpace(buffer, start + 1);
    if (buffer[at] === Byte.closeBrace) {
        columns.endRow();
        return at + 1;
    }
    for (;;) {
        if (at >= buffer.length)
            return INCOMPLETE;
        if (buffer[at] !== Byte.quote)
            throw unexpected(buffer, at, 'a key in double quotes');
        const keyEnd = closingQuote(buffer, at + 1);
        if (keyEnd === INCOMPLETE)
            return INCOMPLETE;
        const colon = skipSpace(buffer, keyEnd + 1);
        if (colon >= buffer.length)
            return INCOMPLETE;
        if (buffer[colon] !== Byte.colon)
            throw unexpected(buffer, colon, '":" after the key');
        const valueStart = skipSpace(buffer, colon + 1);
        const valueEnd = scanValue(buffer, valueStart);
        if (valueEnd === INCOMPLETE)
            return INCOMPLETE;
        try {
            columns.cell(columns.columnOfKey(buffer, at + 1, keyEnd), kindOf(buffer, valueStart, valueEnd));
        }
        catch (error) {
            throw error instanceof RowFault
                ? new RowFault(error.message, error.hint, error.at ?? valueStart)
                : error;
        }
        at = skipSpace(buffer, valueEnd);
        if (at >= buffer.length)
            return INCOMPLETE;
        if (buffer[at] === Byte.closeBrace) {
            columns.endRow();
            return at + 1;
        }
        if (buffer[at] !== Byte.comma)
            throw unexpected(buffer, at, '"," or "}" after the value');
        at = skipSpace(buffer, at + 1);
        if (buffer[at] === Byte.closeBrace)
            throw unexpected(buffer, at, 'another key after ","');
    }
}
const Byte = {
    quote: 0x22,
    comma: 0x2c,
    minus: 0x2d,
    dot: 0x2e,
    zero: 0x30,
    colon: 0x3a,
    openBracket: 0x5b,
    backslash: 0x5c,
    closeBracket: 0x5d,
    openBrace: 0x7b,
    closeBrace: 0x7d,
};
/** Offset of the first byte from `at` on that is not JSON white space. */
function skipSpace(buffer, at) {
    let next = at;
    for (;;) {
        const byte = buffer[next];
        if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)
            return next;
        next++;
    }
}
/** Fault that shows the text found at `at` and names what should stand there. */
function unexpected(buffer, at, expected) {
    const found = JSON.stringify(buffer.toString('utf8', at, at + 24));
    const literal = /^"(NaN|-?Infinity|None|True|False|undefined)\b/.exec(found)?.[1];
    const hint = literal
        ? `${literal} is not JSON; write null, true, false or a number.`
        : found.startsWith('"\ufeff')
            ? 'A byte order mark is there, as where files were joined: remove it, or name the files one by one.'
            : 'Correct the file there, or export it again as JSON.';
    return new RowFault(`found ${found} where ${expected} should stand`, hint, at);
}
/** Strings shorter than this are walked byte by byte: a call of `indexOf` costs more. */
const SHORT_STRING = 32;
function closingQuote(buffer, from) {
    let at = from;
    for (const near = Math.min(buffer.length, from + SHORT_STRING); at < near; at++) {
        if (buffer[at] === Byte.quote)
            return at;
        if (buffer[at] === Byte.backslash)
            at++;
    }
    for (let quote = buffer.indexOf(Byte.quote, at); quote !== -1; quote = buffer.indexOf(Byte.quote, quote + 1)) {
        let before = quote - 1;
        while (before >= at && buffer[before] === Byte.backslash)
            before--;
        if ((quote - before) % 2 === 1)
            return quote;
    }
    return INCOMPLETE;
}
function scanValue(buffer, at) {
    const byte = buffer[at];
    if (byte === undefined)
        return INCOMPLETE;
    if (byte === Byte.quote) {
        const end = closingQuote(buffer, at + 1);
        return end === INCOMPLETE ? INCOMPLETE : end + 1;
    }
    if (byte === Byte.minus || isDigit(byte))
        return scanNumber(buffer, at);
    if (byte === Byte.openBrace || byte === Byte.openBracket)
        return nestedEnd(buffer, at);
    for (const literal of LITERALS) {
        if (byte !== literal[0])
            continue;
        if (buffer.length - at < literal.length)
            return INCOMPLETE;
        if (literal.equals(buffer.subarray(at, at + literal.length)))
            return at + literal.length;
    }
    throw unexpected(buffer, at, 'a value');
}
/** Offset after an object or array. What stands in it is checked when it is decoded. */
function nestedEnd(buffer, start) {
    let depth = 0;
    for (let at = start; at < buffer.length; at++) {
        const byte = buffer[at];
        if (byte === Byte.quote) {
            at = closingQuote(buffer, at + 1);
            if (at === INCOMPLETE)
                return INCOMPLETE;
        }
        else if (byte === Byte.openBrace || byte === Byte.openBracket)
            depth++;
        else if ((byte === Byte.closeBrace || byte === Byte.closeBracket) && --depth === 0)
            return at + 1;
    }
    return INCOMPLETE;
}
const LITERALS = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')];
function scanNumber(buffer, start) {
    let at = buffer[start] === Byte.minus ? start + 1 : start;
    const firstDigit = buffer[at];
    at = skipDigits(buffer, at);
    if (firstDigit === Byte.zero)
        at = Math.min(at, start + (buffer[start] === Byte.minus ? 2 : 1));
    if (buffer[at] === Byte.dot)
        at = skipDigits(buffer, at + 1);
    if (((buffer[at] ?? 0) | 0x20) === 0x65) {
        at++;
        if (buffer[at] === 0x2b || buffer[at] === Byte.minus)
            at++;
        at = skipDigits(buffer, at);
    }
    if (at >= buffer.length)
        return INCOMPLETE;
    if (!isDigit(buffer[at - 1]))
        throw unexpected(buffer, start, 'a number in JSON form');
    return at;
}
function skipDigits(buffer, at) {
    let next = at;
    while (isDigit(buffer[next]))
        next++;
    return next;
}
function isDigit(byte) {
    return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
function kindOf(buffer, start, end) {
    switch (buffer[start]) {
        case Byte.quote:
            return CellKind.string;
        case Byte.openBrace:
            return CellKind.object;
        case Byte.openBracket:
            return CellKind.list;
        case 0x6e:
            return CellKind.null;
        case 0x74:
        case 0x66:
            return CellKind.boolean;
        default:
            return numberKind(buffer.toString('latin1', start, end), start);
    }
}
function numberKind(text, at) {
    if (/[.eE]/.test(text))
        return CellKind.float;
    if (text.length > 18 && BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) {
        throw new RowFault(`found the integer ${text.slice(0, 40)}, which needs more than 64 bits`, 'Write it as a string.', at);
    }
    return CellKind.integer;
}


/***/ }),

/***/ 950:
/***/ ((module, __webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(module, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   qj: () => (/* binding */ hashText)
/* harmony export */ });
/* unused harmony exports TextHashes, repeatMetrics */
/* harmony import */ var xxhash_wasm__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(261);

const { h64Raw } = await (0,xxhash_wasm__WEBPACK_IMPORTED_MODULE_0__/* ["default"] */ .A)();
/**
 * xxHash64 of a text.
 *
 * @param text in UTF-8
 * @param seed the hash of another text, for the hash of both
 */
function hashText(text, seed = 0n) {
    return h64Raw(text, seed);
}
/** 64 bits of hash a row, to count repeated texts in bounded memory: two different texts of 10^7 meet once in 370,000 runs. */
class TextHashes {
    #hashes;
    #rows = 0;
    constructor(rows) {
        this.#hashes = new BigUint64Array(rows);
    }
    add(hashes) {
        this.#hashes.set(hashes, this.#rows);
        this.#rows += hashes.length;
    }
    /** Hashes in ascending order. No text may be added afterwards. */
    sorted() {
        return this.#hashes.subarray(0, this.#rows).sort();
    }
}
function repeatMetrics(train, test) {
    const trainHashes = train.sorted();
    const testHashes = test.sorted();
    let shared = 0;
    for (let i = 0, j = 0; j < testHashes.length; j++) {
        while (i < trainHashes.length && trainHashes[i] < testHashes[j])
            i++;
        if (trainHashes[i] === testHashes[j])
            shared++;
    }
    return {
        train_distinct: distinct(trainHashes),
        test_distinct: distinct(testHashes),
        test_rows_in_train: shared,
    };
}
function distinct(sorted) {
    let count = 0;
    for (let i = 0; i < sorted.length; i++)
        if (i === 0 || sorted[i] !== sorted[i - 1])
            count++;
    return count;
}

__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } }, 1);

/***/ }),

/***/ 35:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   K: () => (/* binding */ faultOf)
/* harmony export */ });
/* unused harmony export errorOf */
/* harmony import */ var _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(499);
/* harmony import */ var _shard_places_js__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(541);


function faultOf(error) {
    if (error instanceof _prometheus_actions_stage_errors__WEBPACK_IMPORTED_MODULE_0__/* .ConfigurationError */ .j1) {
        const { problem, hint, place } = error;
        return { kind: 'configuration', problem, hint, place };
    }
    if (error instanceof _shard_places_js__WEBPACK_IMPORTED_MODULE_1__/* .WritingStopped */ .o)
        return { kind: 'stopped' };
    // A copy of an error lacks the code, by which a full disk is told.
    return { kind: 'other', error, code: error.code };
}
function errorOf(fault) {
    switch (fault.kind) {
        case 'configuration':
            return new ConfigurationError(fault.problem, fault);
        case 'stopped':
            return new WritingStopped();
        case 'other':
            return fault.code === undefined
                ? fault.error
                : Object.assign(fault.error, { code: fault.code });
    }
}


/***/ }),

/***/ 377:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   Vj: () => (/* binding */ verdictOf)
/* harmony export */ });
/* unused harmony exports SCALE_VERDICTS, NO_VERDICT, OTHER_VERDICT, VerdictCounts, verdictScale */
const SCALE_VERDICTS = {
    '1-5': ['1', '2', '3', '4', '5'],
    'A/B': ['A', 'B'],
};
/** Of a text without `[RESULT]`. */
const NO_VERDICT = 'none';
/** Of a text that has more than one short word after `[RESULT]`, or nothing there. */
const OTHER_VERDICT = 'other';
/** Counts rows by verdict. Data with verdicts of all kinds can't make it grow: later new kinds count as `other`. */
class VerdictCounts {
    #counts = new Map();
    /** @param found as {@link verdictOf} tells it */
    add(found) {
        const isCounted = found === NO_VERDICT || this.#counts.has(found) || this.#counts.size < MOST_KINDS;
        const verdict = isCounted ? found : OTHER_VERDICT;
        this.#counts.set(verdict, (this.#counts.get(verdict) ?? 0) + 1);
    }
    /** In the order of the verdicts' characters. */
    finish() {
        return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
    }
}
/** The scale that all verdicts are of, whatever rows have none; `null` when there is no such scale or no verdict. */
function verdictScale(counts) {
    const verdicts = Object.keys(counts).filter((verdict) => verdict !== NO_VERDICT && verdict !== OTHER_VERDICT);
    if (verdicts.length === 0)
        return null;
    const isOf = (scale) => verdicts.every((verdict) => SCALE_VERDICTS[scale].includes(verdict));
    if (isOf('1-5'))
        return '1-5';
    return isOf('A/B') ? 'A/B' : null;
}
const MOST_KINDS = 20;
/** What follows the last `[RESULT]` of a judge's answer. @param answer in UTF-8 */
function verdictOf(answer) {
    const mark = answer.lastIndexOf(VERDICT_MARK);
    if (mark === -1)
        return NO_VERDICT;
    const verdict = answer.toString('utf8', mark + VERDICT_MARK.length).trim();
    return /^[\w.+-]{1,8}$/.test(verdict) ? verdict : OTHER_VERDICT;
}
/** Judges write it before their verdict. */
const VERDICT_MARK = Buffer.from('[RESULT]');


/***/ }),

/***/ 910:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  dg: () => (/* binding */ confined),
  PE: () => (/* binding */ confinement),
  eH: () => (/* binding */ enclosureOf)
});

// UNUSED EXPORTS: confinementFrom, isBelow, mayQuote

;// CONCATENATED MODULE: external "node:async_hooks"
const external_node_async_hooks_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:async_hooks");
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __nccwpck_require__(760);
var external_node_path_default = /*#__PURE__*/__nccwpck_require__.n(external_node_path_);
;// CONCATENATED MODULE: ./packages/stage/src/confinement.ts


const current = new external_node_async_hooks_namespaceObject.AsyncLocalStorage();
/** Runs `work`, and all that it awaits, with the files of a confinement; `undefined` lifts one for a path of our own choice. */
function confined(confinement, work) {
    return current.run(confinement, work);
}
/** The confinement that holds here; a thread that is started is given it by its starter. */
function confinement() {
    return current.getStore();
}
/** Where Linux has what is no file of a disk: devices that never end, and the environment of the process. */
const SYSTEM = ['/proc', '/sys', '/dev'];
/** The enclosure of an absolute path; `free` where it may be followed anywhere, `outside` where it may not. */
function enclosureOf(file) {
    const rule = current.getStore();
    if (!rule)
        return 'free';
    const { root, also = [], outside } = rule;
    const own = also.find((folder) => isBelow(file, folder));
    // The project's own folder may hold the workspace of a test, or be the workspace itself, or be checked out in it.
    if (own !== undefined && !(isBelow(file, root) && isBelow(root, own)))
        return { root: own, isStrangers: isBelow(own, root) };
    if (isBelow(file, root))
        return { root, isStrangers: true };
    return outside === 'refused' || SYSTEM.some((folder) => isBelow(file, folder)) ? 'outside' : 'free';
}
/**
 * Whether a message may show what is in a file. Of one outside, which a run with the right to do so named, its log and
 * summary show nothing: more people read these than that file.
 */
function mayQuote(file) {
    return !current.getStore() || typeof enclosureOf(file) !== 'string';
}
/** The confinement for what a file names: a stranger's file names nothing outside, the owner's whatever it likes. */
function confinementFrom(file) {
    const rule = current.getStore();
    return rule && typeof enclosureOf(file) !== 'string' ? { ...rule, outside: 'refused' } : rule;
}
/** Whether a path is a folder or below it, by their texts. */
function isBelow(file, folder) {
    const relative = external_node_path_default().relative(folder, file);
    return relative !== '..' && !relative.startsWith(`..${(external_node_path_default()).sep}`) && !external_node_path_default().isAbsolute(relative);
}


/***/ }),

/***/ 499:
/***/ ((__unused_webpack_module, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   j1: () => (/* binding */ ConfigurationError)
/* harmony export */ });
/* unused harmony exports formatPlace, ChildProcessError */
/**
 * A mistake that the user can put right: a wrong key, a missing file, too little disk.
 *
 * It is printed without a stack, as `file:line:column: problem`, then `hint`, and ends a command with exit code 2.
 * Every other error is a bug of ours and keeps its stack.
 */
class ConfigurationError extends Error {
    name = 'ConfigurationError';
    problem;
    /** What to do about it. */
    hint;
    place;
    constructor(problem, options = {}) {
        const where = options.place ? `${formatPlace(options.place)}: ` : '';
        super(`${where}${problem}${options.hint ? `\n  ${options.hint}` : ''}`, { cause: options.cause });
        this.problem = problem;
        this.hint = options.hint;
        this.place = options.place;
    }
}
/** `file`, `file:line` or `file:line:column`, as editors and terminals link it. */
function formatPlace(place) {
    return [place.file, place.line, place.line === undefined ? undefined : place.column]
        .filter((part) => part !== undefined)
        .join(':');
}
/** A child process failed. Its own output, in the message, says why; our stack would say nothing. */
class ChildProcessError extends (/* unused pure expression or super */ null && (Error)) {
    name = 'ChildProcessError';
}


/***/ }),

/***/ 573:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:buffer");

/***/ }),

/***/ 24:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs");

/***/ }),

/***/ 455:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs/promises");

/***/ }),

/***/ 760:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:path");

/***/ }),

/***/ 919:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:worker_threads");

/***/ }),

/***/ 261:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   A: () => (/* binding */ e)
/* harmony export */ });
const t=new Uint8Array([0,97,115,109,1,0,0,0,1,48,8,96,3,127,127,127,1,127,96,3,127,127,127,0,96,2,127,127,0,96,1,127,1,127,96,3,127,127,126,1,126,96,3,126,127,127,1,126,96,2,127,126,0,96,1,127,1,126,3,11,10,0,0,2,1,3,4,5,6,1,7,5,3,1,0,1,7,85,9,3,109,101,109,2,0,5,120,120,104,51,50,0,0,6,105,110,105,116,51,50,0,2,8,117,112,100,97,116,101,51,50,0,3,8,100,105,103,101,115,116,51,50,0,4,5,120,120,104,54,52,0,5,6,105,110,105,116,54,52,0,7,8,117,112,100,97,116,101,54,52,0,8,8,100,105,103,101,115,116,54,52,0,9,10,251,22,10,242,1,1,4,127,32,0,32,1,106,33,3,32,1,65,16,79,4,127,32,3,65,16,107,33,6,32,2,65,168,136,141,161,2,106,33,3,32,2,65,137,235,208,208,7,107,33,4,32,2,65,207,140,162,142,6,106,33,5,3,64,32,3,32,0,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,33,3,32,4,32,0,65,4,106,34,0,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,33,4,32,2,32,0,65,4,106,34,0,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,33,2,32,5,32,0,65,4,106,34,0,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,33,5,32,6,32,0,65,4,106,34,0,79,13,0,11,32,2,65,12,119,32,5,65,18,119,106,32,4,65,7,119,106,32,3,65,1,119,106,5,32,2,65,177,207,217,178,1,106,11,32,1,106,32,0,32,1,65,15,113,16,1,11,146,1,0,32,1,32,2,106,33,2,3,64,32,1,65,4,106,32,2,75,69,4,64,32,0,32,1,40,2,0,65,189,220,202,149,124,108,106,65,17,119,65,175,214,211,190,2,108,33,0,32,1,65,4,106,33,1,12,1,11,11,3,64,32,1,32,2,79,69,4,64,32,0,32,1,45,0,0,65,177,207,217,178,1,108,106,65,11,119,65,177,243,221,241,121,108,33,0,32,1,65,1,106,33,1,12,1,11,11,32,0,32,0,65,15,118,115,65,247,148,175,175,120,108,34,0,65,13,118,32,0,115,65,189,220,202,149,124,108,34,0,65,16,118,32,0,115,11,63,0,32,0,65,8,106,32,1,65,168,136,141,161,2,106,54,2,0,32,0,65,12,106,32,1,65,137,235,208,208,7,107,54,2,0,32,0,65,16,106,32,1,54,2,0,32,0,65,20,106,32,1,65,207,140,162,142,6,106,54,2,0,11,195,4,1,6,127,32,1,32,2,106,33,6,32,0,65,24,106,33,4,32,0,65,40,106,40,2,0,33,3,32,0,32,0,40,2,0,32,2,106,54,2,0,32,0,65,4,106,34,5,32,5,40,2,0,32,2,65,16,79,32,0,40,2,0,65,16,79,114,114,54,2,0,32,2,32,3,106,65,16,73,4,64,32,3,32,4,106,32,1,32,2,252,10,0,0,32,0,65,40,106,32,2,32,3,106,54,2,0,15,11,32,3,4,64,32,3,32,4,106,32,1,65,16,32,3,107,34,2,252,10,0,0,32,0,65,8,106,34,3,32,3,40,2,0,32,4,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,54,2,0,32,0,65,12,106,34,3,32,3,40,2,0,32,4,65,4,106,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,54,2,0,32,0,65,16,106,34,3,32,3,40,2,0,32,4,65,8,106,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,54,2,0,32,0,65,20,106,34,3,32,3,40,2,0,32,4,65,12,106,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,54,2,0,32,0,65,40,106,65,0,54,2,0,32,1,32,2,106,33,1,11,32,1,32,6,65,16,107,77,4,64,32,6,65,16,107,33,8,32,0,65,8,106,40,2,0,33,2,32,0,65,12,106,40,2,0,33,3,32,0,65,16,106,40,2,0,33,5,32,0,65,20,106,40,2,0,33,7,3,64,32,2,32,1,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,33,2,32,3,32,1,65,4,106,34,1,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,33,3,32,5,32,1,65,4,106,34,1,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,33,5,32,7,32,1,65,4,106,34,1,40,2,0,65,247,148,175,175,120,108,106,65,13,119,65,177,243,221,241,121,108,33,7,32,8,32,1,65,4,106,34,1,79,13,0,11,32,0,65,8,106,32,2,54,2,0,32,0,65,12,106,32,3,54,2,0,32,0,65,16,106,32,5,54,2,0,32,0,65,20,106,32,7,54,2,0,11,32,1,32,6,73,4,64,32,4,32,1,32,6,32,1,107,34,1,252,10,0,0,32,0,65,40,106,32,1,54,2,0,11,11,97,1,1,127,32,0,65,16,106,40,2,0,33,1,32,0,65,4,106,40,2,0,4,127,32,1,65,12,119,32,0,65,20,106,40,2,0,65,18,119,106,32,0,65,12,106,40,2,0,65,7,119,106,32,0,65,8,106,40,2,0,65,1,119,106,5,32,1,65,177,207,217,178,1,106,11,32,0,40,2,0,106,32,0,65,24,106,32,0,65,40,106,40,2,0,16,1,11,255,3,2,3,126,1,127,32,0,32,1,106,33,6,32,1,65,32,79,4,126,32,6,65,32,107,33,6,32,2,66,214,235,130,238,234,253,137,245,224,0,124,33,3,32,2,66,177,169,172,193,173,184,212,166,61,125,33,4,32,2,66,249,234,208,208,231,201,161,228,225,0,124,33,5,3,64,32,3,32,0,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,33,3,32,4,32,0,65,8,106,34,0,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,33,4,32,2,32,0,65,8,106,34,0,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,33,2,32,5,32,0,65,8,106,34,0,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,33,5,32,6,32,0,65,8,106,34,0,79,13,0,11,32,2,66,12,137,32,5,66,18,137,124,32,4,66,7,137,124,32,3,66,1,137,124,32,3,66,207,214,211,190,210,199,171,217,66,126,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,133,66,135,149,175,175,152,182,222,155,158,127,126,66,157,163,181,234,131,177,141,138,250,0,125,32,4,66,207,214,211,190,210,199,171,217,66,126,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,133,66,135,149,175,175,152,182,222,155,158,127,126,66,157,163,181,234,131,177,141,138,250,0,125,32,2,66,207,214,211,190,210,199,171,217,66,126,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,133,66,135,149,175,175,152,182,222,155,158,127,126,66,157,163,181,234,131,177,141,138,250,0,125,32,5,66,207,214,211,190,210,199,171,217,66,126,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,133,66,135,149,175,175,152,182,222,155,158,127,126,66,157,163,181,234,131,177,141,138,250,0,125,5,32,2,66,197,207,217,178,241,229,186,234,39,124,11,32,1,173,124,32,0,32,1,65,31,113,16,6,11,134,2,0,32,1,32,2,106,33,2,3,64,32,2,32,1,65,8,106,79,4,64,32,1,41,3,0,66,207,214,211,190,210,199,171,217,66,126,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,32,0,133,66,27,137,66,135,149,175,175,152,182,222,155,158,127,126,66,157,163,181,234,131,177,141,138,250,0,125,33,0,32,1,65,8,106,33,1,12,1,11,11,32,1,65,4,106,32,2,77,4,64,32,0,32,1,53,2,0,66,135,149,175,175,152,182,222,155,158,127,126,133,66,23,137,66,207,214,211,190,210,199,171,217,66,126,66,249,243,221,241,153,246,153,171,22,124,33,0,32,1,65,4,106,33,1,11,3,64,32,1,32,2,73,4,64,32,0,32,1,49,0,0,66,197,207,217,178,241,229,186,234,39,126,133,66,11,137,66,135,149,175,175,152,182,222,155,158,127,126,33,0,32,1,65,1,106,33,1,12,1,11,11,32,0,32,0,66,33,136,133,66,207,214,211,190,210,199,171,217,66,126,34,0,32,0,66,29,136,133,66,249,243,221,241,153,246,153,171,22,126,34,0,32,0,66,32,136,133,11,77,0,32,0,65,8,106,32,1,66,214,235,130,238,234,253,137,245,224,0,124,55,3,0,32,0,65,16,106,32,1,66,177,169,172,193,173,184,212,166,61,125,55,3,0,32,0,65,24,106,32,1,55,3,0,32,0,65,32,106,32,1,66,249,234,208,208,231,201,161,228,225,0,124,55,3,0,11,244,4,2,3,127,4,126,32,1,32,2,106,33,5,32,0,65,40,106,33,4,32,0,65,200,0,106,40,2,0,33,3,32,0,32,0,41,3,0,32,2,173,124,55,3,0,32,2,32,3,106,65,32,73,4,64,32,3,32,4,106,32,1,32,2,252,10,0,0,32,0,65,200,0,106,32,2,32,3,106,54,2,0,15,11,32,3,4,64,32,3,32,4,106,32,1,65,32,32,3,107,34,2,252,10,0,0,32,0,65,8,106,34,3,32,3,41,3,0,32,4,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,55,3,0,32,0,65,16,106,34,3,32,3,41,3,0,32,4,65,8,106,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,55,3,0,32,0,65,24,106,34,3,32,3,41,3,0,32,4,65,16,106,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,55,3,0,32,0,65,32,106,34,3,32,3,41,3,0,32,4,65,24,106,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,55,3,0,32,0,65,200,0,106,65,0,54,2,0,32,1,32,2,106,33,1,11,32,1,65,32,106,32,5,77,4,64,32,5,65,32,107,33,2,32,0,65,8,106,41,3,0,33,6,32,0,65,16,106,41,3,0,33,7,32,0,65,24,106,41,3,0,33,8,32,0,65,32,106,41,3,0,33,9,3,64,32,6,32,1,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,33,6,32,7,32,1,65,8,106,34,1,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,33,7,32,8,32,1,65,8,106,34,1,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,33,8,32,9,32,1,65,8,106,34,1,41,3,0,66,207,214,211,190,210,199,171,217,66,126,124,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,33,9,32,2,32,1,65,8,106,34,1,79,13,0,11,32,0,65,8,106,32,6,55,3,0,32,0,65,16,106,32,7,55,3,0,32,0,65,24,106,32,8,55,3,0,32,0,65,32,106,32,9,55,3,0,11,32,1,32,5,73,4,64,32,4,32,1,32,5,32,1,107,34,1,252,10,0,0,32,0,65,200,0,106,32,1,54,2,0,11,11,188,2,1,5,126,32,0,65,24,106,41,3,0,33,1,32,0,41,3,0,34,2,66,32,90,4,126,32,0,65,8,106,41,3,0,34,3,66,1,137,32,0,65,16,106,41,3,0,34,4,66,7,137,124,32,1,66,12,137,32,0,65,32,106,41,3,0,34,5,66,18,137,124,124,32,3,66,207,214,211,190,210,199,171,217,66,126,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,133,66,135,149,175,175,152,182,222,155,158,127,126,66,157,163,181,234,131,177,141,138,250,0,125,32,4,66,207,214,211,190,210,199,171,217,66,126,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,133,66,135,149,175,175,152,182,222,155,158,127,126,66,157,163,181,234,131,177,141,138,250,0,125,32,1,66,207,214,211,190,210,199,171,217,66,126,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,133,66,135,149,175,175,152,182,222,155,158,127,126,66,157,163,181,234,131,177,141,138,250,0,125,32,5,66,207,214,211,190,210,199,171,217,66,126,66,31,137,66,135,149,175,175,152,182,222,155,158,127,126,133,66,135,149,175,175,152,182,222,155,158,127,126,66,157,163,181,234,131,177,141,138,250,0,125,5,32,1,66,197,207,217,178,241,229,186,234,39,124,11,32,2,124,32,0,65,40,106,32,2,66,31,131,167,16,6,11]);async function e(){return function(t){const{exports:{mem:e,xxh32:n,xxh64:r,init32:i,update32:a,digest32:o,init64:s,update64:u,digest64:c}}=t;let h=new Uint8Array(e.buffer);function g(t,n){if(e.buffer.byteLength<t+n){const r=Math.ceil((t+n-e.buffer.byteLength)/65536);e.grow(r),h=new Uint8Array(e.buffer)}}function f(t,e,n,r,i,a){g(t);const o=new Uint8Array(t);return h.set(o),n(0,e),o.set(h.subarray(0,t)),{update(e){let n;return h.set(o),"string"==typeof e?(g(3*e.length,t),n=w.encodeInto(e,h.subarray(t)).written):(g(e.byteLength,t),h.set(e,t),n=e.byteLength),r(0,t,n),o.set(h.subarray(0,t)),this},digest:()=>(h.set(o),a(i(0)))}}function y(t){return t>>>0}const b=2n**64n-1n;function d(t){return t&b}const w=new TextEncoder,l=0,p=0n;function x(t,e=l){return g(3*t.length,0),y(n(0,w.encodeInto(t,h).written,e))}function L(t,e=p){return g(3*t.length,0),d(r(0,w.encodeInto(t,h).written,e))}return{h32:x,h32ToString:(t,e=l)=>x(t,e).toString(16).padStart(8,"0"),h32Raw:(t,e=l)=>(g(t.byteLength,0),h.set(t),y(n(0,t.byteLength,e))),create32:(t=l)=>f(48,t,i,a,o,y),h64:L,h64ToString:(t,e=p)=>L(t,e).toString(16).padStart(16,"0"),h64Raw:(t,e=p)=>(g(t.byteLength,0),h.set(t),d(r(0,t.byteLength,e))),create64:(t=p)=>f(88,t,s,u,c,d)}}((await WebAssembly.instantiate(t)).instance)}
//# sourceMappingURL=xxhash-wasm.js.map


/***/ })

/******/ });
/************************************************************************/
/******/ // The module cache
/******/ var __webpack_module_cache__ = {};
/******/ 
/******/ // The require function
/******/ function __nccwpck_require__(moduleId) {
/******/ 	// Check if module is in cache
/******/ 	var cachedModule = __webpack_module_cache__[moduleId];
/******/ 	if (cachedModule !== undefined) {
/******/ 		return cachedModule.exports;
/******/ 	}
/******/ 	// Create a new module (and put it into the cache)
/******/ 	var module = __webpack_module_cache__[moduleId] = {
/******/ 		// no module.id needed
/******/ 		// no module.loaded needed
/******/ 		exports: {}
/******/ 	};
/******/ 
/******/ 	// Execute the module function
/******/ 	var threw = true;
/******/ 	try {
/******/ 		__webpack_modules__[moduleId](module, module.exports, __nccwpck_require__);
/******/ 		threw = false;
/******/ 	} finally {
/******/ 		if(threw) delete __webpack_module_cache__[moduleId];
/******/ 	}
/******/ 
/******/ 	// Return the exports of the module
/******/ 	return module.exports;
/******/ }
/******/ 
/************************************************************************/
/******/ /* webpack/runtime/asset-relocator-loader */
/******/ if (typeof __nccwpck_require__ !== 'undefined') __nccwpck_require__.ab = decodeURIComponent(new URL('.', import.meta.url).pathname).slice(import.meta.url.match(/^file:\/\/\/\w:/) ? 1 : 0, -1) + "/";
/******/ 
/******/ /* webpack/runtime/async module */
/******/ (() => {
/******/ 	var webpackQueues = typeof Symbol === "function" ? Symbol("webpack queues") : "__webpack_queues__";
/******/ 	var webpackExports = typeof Symbol === "function" ? Symbol("webpack exports") : "__webpack_exports__";
/******/ 	var webpackError = typeof Symbol === "function" ? Symbol("webpack error") : "__webpack_error__";
/******/ 	var resolveQueue = (queue) => {
/******/ 		if(queue && queue.d < 1) {
/******/ 			queue.d = 1;
/******/ 			queue.forEach((fn) => (fn.r--));
/******/ 			queue.forEach((fn) => (fn.r-- ? fn.r++ : fn()));
/******/ 		}
/******/ 	}
/******/ 	var wrapDeps = (deps) => (deps.map((dep) => {
/******/ 		if(dep !== null && typeof dep === "object") {
/******/ 			if(dep[webpackQueues]) return dep;
/******/ 			if(dep.then) {
/******/ 				var queue = [];
/******/ 				queue.d = 0;
/******/ 				dep.then((r) => {
/******/ 					obj[webpackExports] = r;
/******/ 					resolveQueue(queue);
/******/ 				}, (e) => {
/******/ 					obj[webpackError] = e;
/******/ 					resolveQueue(queue);
/******/ 				});
/******/ 				var obj = {};
/******/ 				obj[webpackQueues] = (fn) => (fn(queue));
/******/ 				return obj;
/******/ 			}
/******/ 		}
/******/ 		var ret = {};
/******/ 		ret[webpackQueues] = x => {};
/******/ 		ret[webpackExports] = dep;
/******/ 		return ret;
/******/ 	}));
/******/ 	__nccwpck_require__.a = (module, body, hasAwait) => {
/******/ 		var queue;
/******/ 		hasAwait && ((queue = []).d = -1);
/******/ 		var depQueues = new Set();
/******/ 		var exports = module.exports;
/******/ 		var currentDeps;
/******/ 		var outerResolve;
/******/ 		var reject;
/******/ 		var promise = new Promise((resolve, rej) => {
/******/ 			reject = rej;
/******/ 			outerResolve = resolve;
/******/ 		});
/******/ 		promise[webpackExports] = exports;
/******/ 		promise[webpackQueues] = (fn) => (queue && fn(queue), depQueues.forEach(fn), promise["catch"](x => {}));
/******/ 		module.exports = promise;
/******/ 		body((deps) => {
/******/ 			currentDeps = wrapDeps(deps);
/******/ 			var fn;
/******/ 			var getResult = () => (currentDeps.map((d) => {
/******/ 				if(d[webpackError]) throw d[webpackError];
/******/ 				return d[webpackExports];
/******/ 			}))
/******/ 			var promise = new Promise((resolve) => {
/******/ 				fn = () => (resolve(getResult));
/******/ 				fn.r = 0;
/******/ 				var fnQueue = (q) => (q !== queue && !depQueues.has(q) && (depQueues.add(q), q && !q.d && (fn.r++, q.push(fn))));
/******/ 				currentDeps.map((dep) => (dep[webpackQueues](fnQueue)));
/******/ 			});
/******/ 			return fn.r ? promise : getResult();
/******/ 		}, (err) => ((err ? reject(promise[webpackError] = err) : outerResolve(exports)), resolveQueue(queue)));
/******/ 		queue && queue.d < 0 && (queue.d = 0);
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/compat get default export */
/******/ (() => {
/******/ 	// getDefaultExport function for compatibility with non-harmony modules
/******/ 	__nccwpck_require__.n = (module) => {
/******/ 		var getter = module && module.__esModule ?
/******/ 			() => (module['default']) :
/******/ 			() => (module);
/******/ 		__nccwpck_require__.d(getter, { a: getter });
/******/ 		return getter;
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/define property getters */
/******/ (() => {
/******/ 	// define getter functions for harmony exports
/******/ 	__nccwpck_require__.d = (exports, definition) => {
/******/ 		for(var key in definition) {
/******/ 			if(__nccwpck_require__.o(definition, key) && !__nccwpck_require__.o(exports, key)) {
/******/ 				Object.defineProperty(exports, key, { enumerable: true, get: definition[key] });
/******/ 			}
/******/ 		}
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/hasOwnProperty shorthand */
/******/ (() => {
/******/ 	__nccwpck_require__.o = (obj, prop) => (Object.prototype.hasOwnProperty.call(obj, prop))
/******/ })();
/******/ 
/************************************************************************/
/******/ 
/******/ // startup
/******/ // Load entry module and return exports
/******/ // This entry module used 'module' so it can't be inlined
/******/ var __webpack_exports__ = __nccwpck_require__(399);
/******/ __webpack_exports__ = await __webpack_exports__;
/******/ 
