import { Bool, type DataType, Field, Float64, Int64, List, Null, Struct, Utf8 } from 'apache-arrow';
import { type Column, type ColumnType, INDEX_COLUMN, MESSAGES_COLUMN } from './column-table.ts';

/** Fields of the prepared frame. @param withRowNumbers adds `__index_level_0__`, as pandas keeps it after a split */
export function frameFields(columns: readonly Column[], withRowNumbers: boolean): Field[] {
  const fields = columns
    .filter(({ kept }) => kept)
    .map(({ name, type }) => new Field(name, ARROW_TYPES[type](), true));
  fields.push(new Field(MESSAGES_COLUMN, messagesType(), true));
  if (withRowNumbers) fields.push(new Field(INDEX_COLUMN, new Int64(), true));
  return fields;
}

const ARROW_TYPES: Record<ColumnType, () => DataType> = {
  string: () => new Utf8(),
  int64: () => new Int64(),
  float64: () => new Float64(),
  bool: () => new Bool(),
  null: () => new Null(),
  messages: messagesType,
};

/** Of the column of messages. */
export function messagesType(): List<Struct> {
  const message = new Struct([new Field('content', new Utf8(), true), new Field('role', new Utf8(), true)]);
  return new List(new Field('item', message, true));
}
