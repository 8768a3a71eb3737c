import { Bool } from 'apache-arrow/fb/bool';
import { Buffer as BufferRegion } from 'apache-arrow/fb/buffer';
import { Endianness } from 'apache-arrow/fb/endianness';
import { Field } from 'apache-arrow/fb/field';
import { FieldNode } from 'apache-arrow/fb/field-node';
import { FloatingPoint } from 'apache-arrow/fb/floating-point';
import { Int } from 'apache-arrow/fb/int';
import { KeyValue } from 'apache-arrow/fb/key-value';
import { List } from 'apache-arrow/fb/list';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { MetadataVersion } from 'apache-arrow/fb/metadata-version';
import { Null } from 'apache-arrow/fb/null';
import { Precision } from 'apache-arrow/fb/precision';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { Schema } from 'apache-arrow/fb/schema';
import { Struct_ as Struct } from 'apache-arrow/fb/struct-';
import { Type } from 'apache-arrow/fb/type';
import { Utf8 } from 'apache-arrow/fb/utf8';
import { Builder } from 'flatbuffers';

// Only the library's flatbuffers are used to write: the whole of it would take 18 MB in every thread.

/** A column of a record batch, or of a column of structs or lists, as Arrow lays it out. */
export interface ArrowArray {
  length: number;
  nullCount: number;
  /** Those that the type has, validity first, which is empty where there are no nulls. */
  buffers: Uint8Array[];
  children?: ArrowArray[];
}

type FieldType = 'string' | 'int64' | 'float64' | 'bool' | 'null' | 'list' | 'struct';

/** A column of the schema; every one may hold nulls. */
export interface ArrowField {
  name: string;
  type: FieldType;
  children?: ArrowField[];
}

/** Of an IPC stream: a message of length 0. */
export const END_OF_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);

/** Numbers as Arrow lays them out. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The message that opens an IPC stream, in pieces. */
export function schemaMessage(fields: readonly ArrowField[], metadata: Record<string, string>): Uint8Array[] {
  const builder = new Builder();
  const fieldsAt = Schema.createFieldsVector(
    builder,
    fields.map((field) => encodeField(builder, field)),
  );
  const metadataAt = Schema.createCustomMetadataVector(
    builder,
    Object.entries(metadata).map(([key, value]) =>
      KeyValue.createKeyValue(builder, builder.createString(key), builder.createString(value)),
    ),
  );
  Schema.startSchema(builder);
  Schema.addFields(builder, fieldsAt);
  Schema.addEndianness(builder, Endianness.Little);
  Schema.addCustomMetadata(builder, metadataAt);
  return messagePieces(builder, Schema.endSchema(builder), MessageHeader.Schema, 0);
}

/** The message of a record batch, in pieces, of which those of its body are the columns' own buffers. */
export function recordBatchMessage(rows: number, columns: readonly ArrowArray[]): Uint8Array[] {
  const arrays = columns.flatMap(inOrder);
  const buffers = arrays.flatMap(({ buffers }) => buffers);
  const starts: number[] = [];
  let bodyLength = 0;
  for (const { byteLength } of buffers) {
    starts.push(bodyLength);
    bodyLength += aligned(byteLength);
  }
  const builder = new Builder();
  // Flatbuffers are written from their end.
  RecordBatch.startNodesVector(builder, arrays.length);
  for (const { length, nullCount } of arrays.toReversed())
    FieldNode.createFieldNode(builder, BigInt(length), BigInt(nullCount));
  const nodesAt = builder.endVector();
  RecordBatch.startBuffersVector(builder, buffers.length);
  for (let i = buffers.length - 1; i >= 0; i--) {
    const length = aligned((buffers[i] as Uint8Array).byteLength);
    BufferRegion.createBuffer(builder, BigInt(starts[i] as number), BigInt(length));
  }
  const buffersAt = builder.endVector();
  RecordBatch.startRecordBatch(builder);
  RecordBatch.addLength(builder, BigInt(rows));
  RecordBatch.addNodes(builder, nodesAt);
  RecordBatch.addBuffers(builder, buffersAt);
  const header = RecordBatch.endRecordBatch(builder);
  return [
    ...messagePieces(builder, header, MessageHeader.RecordBatch, bodyLength),
    ...buffers.flatMap((buffer) => [buffer, padding(buffer.byteLength)]).filter(isFilled),
  ];
}

const ALIGNMENT = 8;
/** What a message begins with; the length of its flatbuffer follows. */
const CONTINUATION = -1;
const PREFIX_BYTES = 8;

function messagePieces(
  builder: Builder,
  header: number,
  headerType: MessageHeader,
  bodyLength: number,
): Uint8Array[] {
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

function encodeField(builder: Builder, { name, type, children = [] }: ArrowField): number {
  const [fieldType, encodeType] = FIELD_TYPES[type];
  const typeAt = encodeType(builder);
  const childrenAt = Field.createChildrenVector(
    builder,
    children.map((child) => encodeField(builder, child)),
  );
  const nameAt = builder.createString(name);
  Field.startField(builder);
  Field.addType(builder, typeAt);
  Field.addTypeType(builder, fieldType);
  Field.addChildren(builder, childrenAt);
  Field.addNullable(builder, true);
  Field.addName(builder, nameAt);
  return Field.endField(builder);
}

const FIELD_TYPES: Record<FieldType, [type: Type, encode: (builder: Builder) => number]> = {
  string: [Type.Utf8, Utf8.createUtf8],
  int64: [Type.Int, (builder) => Int.createInt(builder, 64, true)],
  float64: [Type.FloatingPoint, (builder) => FloatingPoint.createFloatingPoint(builder, Precision.DOUBLE)],
  bool: [Type.Bool, Bool.createBool],
  null: [Type.Null, Null.createNull],
  list: [Type.List, List.createList],
  struct: [Type.Struct_, Struct.createStruct_],
};

/** An array, then what it is made of. */
function inOrder(array: ArrowArray): ArrowArray[] {
  return [array, ...(array.children ?? []).flatMap(inOrder)];
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** What is missing after so many bytes to the next multiple of the alignment. */
function padding(bytes: number): Uint8Array {
  return new Uint8Array(aligned(bytes) - bytes);
}

function isFilled({ byteLength }: Uint8Array): boolean {
  return byteLength > 0;
}
