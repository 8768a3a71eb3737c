// Prepares the data with the function that the stage calls, in a process of its own, and flushes it to the disk, which the
// stage does when it publishes its output.
import { closeSync, fsyncSync, openSync } from 'node:fs';
import path from 'node:path';
import { type DatasetSettings, prepareDataset } from '@prometheus-actions/dataset';

const [settings, outputDir] = process.argv.slice(2);
if (!settings || !outputDir) throw new Error('usage: prepare-ours.ts SETTINGS_JSON OUTPUT_FOLDER');
const { train, test } = await prepareDataset(JSON.parse(settings) as DatasetSettings, outputDir);

for (const [part, output] of Object.entries({ train, test })) {
  for (const shard of output?.shards ?? []) {
    const file = openSync(path.join(outputDir, part, shard), 'r');
    fsyncSync(file);
    closeSync(file);
  }
}
