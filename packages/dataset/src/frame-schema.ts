import { Bool, type DataType, Field, Float64, Int64, List, Null, Schema, Struct, Utf8 } from 'apache-arrow';
import { type Column, type ColumnType, INDEX_COLUMN, MESSAGES_COLUMN } from './column-table.ts';

/** What the prepared frame looks like. */
export interface FrameSchema {
  /** Its fields in Arrow; the metadata tell `datasets` the features. */
  schema: Schema;
  /** The features of `datasets`, as JSON text. */
  features: string;
}

/** @param withRowNumbers adds `__index_level_0__`, as pandas keeps it after a split */
export function frameSchema(columns: readonly Column[], withRowNumbers: boolean): FrameSchema {
  const features = featuresJson(columns, withRowNumbers);
  const metadata = new Map([['huggingface', `{"info":{"features":${features}}}`]]);
  return { schema: new Schema(frameFields(columns, withRowNumbers), metadata), features };
}

/** Of the column of messages. */
export function messagesType(): List<Struct> {
  const message = new Struct([new Field('content', new Utf8(), true), new Field('role', new Utf8(), true)]);
  return new List(new Field('item', message, true));
}

function frameFields(columns: readonly Column[], withRowNumbers: boolean): Field[] {
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

/**
 * The features as JSON text, in column order: an object would put names that look like numbers first.
 *
 * Messages are a plain list: releases of `datasets` before 4 don't know the type "List", and all read this.
 */
function featuresJson(columns: readonly Column[], withRowNumbers: boolean): string {
  const value = (dtype: string) => ({ dtype, _type: 'Value' });
  const features: [string, unknown][] = columns
    .filter(({ kept }) => kept)
    .map(({ name, type }) => [name, value(type)]);
  features.push([MESSAGES_COLUMN, [{ content: value('string'), role: value('string') }]]);
  if (withRowNumbers) features.push([INDEX_COLUMN, value('int64')]);
  return `{${features.map(([name, feature]) => `${JSON.stringify(name)}:${JSON.stringify(feature)}`).join(',')}}`;
}
