import { type ArrowField, schemaMessage } from './arrow-message.ts';
import { type Column, INDEX_COLUMN, MESSAGES_COLUMN } from './column-table.ts';

/** What the prepared frame looks like. */
export interface FrameSchema {
  /** The Arrow message of its fields, in pieces; its metadata tell `datasets` the features. */
  message: Uint8Array[];
  /** The features of `datasets`, as JSON text. */
  features: string;
}

/** @param withRowNumbers adds `__index_level_0__`, as pandas keeps it after a split */
export function frameSchema(columns: readonly Column[], withRowNumbers: boolean): FrameSchema {
  const features = featuresJson(columns, withRowNumbers);
  const metadata = { huggingface: `{"info":{"features":${features}}}` };
  return { message: schemaMessage(frameFields(columns, withRowNumbers), metadata), features };
}

function frameFields(columns: readonly Column[], withRowNumbers: boolean): ArrowField[] {
  // Messages as a column are made anew under their own name.
  const fields = columns.flatMap(({ name, type, kept }): ArrowField[] =>
    kept && type !== 'messages' ? [{ name, type }] : [],
  );
  fields.push({ name: MESSAGES_COLUMN, type: 'list', children: [MESSAGE_FIELD] });
  if (withRowNumbers) fields.push({ name: INDEX_COLUMN, type: 'int64' });
  return fields;
}

const MESSAGE_FIELD: ArrowField = {
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
function featuresJson(columns: readonly Column[], withRowNumbers: boolean): string {
  const value = (dtype: string) => ({ dtype, _type: 'Value' });
  const features: [string, unknown][] = columns
    .filter(({ kept }) => kept)
    .map(({ name, type }) => [name, value(type)]);
  features.push([MESSAGES_COLUMN, [{ content: value('string'), role: value('string') }]]);
  if (withRowNumbers) features.push([INDEX_COLUMN, value('int64')]);
  return `{${features.map(([name, feature]) => `${JSON.stringify(name)}:${JSON.stringify(feature)}`).join(',')}}`;
}
