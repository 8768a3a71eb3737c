// Prepares the data with the function that the stage calls, in a process of its own.
import { type DatasetSettings, prepareDataset } from '@prometheus-actions/dataset';

const [settings, outputDir] = process.argv.slice(2);
if (!settings || !outputDir) throw new Error('usage: prepare-ours.ts SETTINGS_JSON OUTPUT_FOLDER');
await prepareDataset(JSON.parse(settings) as DatasetSettings, outputDir);
