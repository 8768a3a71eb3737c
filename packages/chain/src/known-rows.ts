import type { DataReport } from '@prometheus-actions/dataset';
import type { KnownRows } from '@prometheus-actions/estimate';
import type { Plan } from '@prometheus-actions/recipe';
import { readManifest } from '@prometheus-actions/stage';

/** What is known of the rows of those datasets of a plan that are prepared: by the reports in their manifests. */
export async function preparedRows(plan: Plan): Promise<Record<string, KnownRows>> {
  const found: Record<string, KnownRows> = {};
  for (const { stage, name, outputDir } of plan.stages) {
    if (stage !== 'prepare-dataset') continue;
    const manifest = await readManifest(outputDir);
    const report = (manifest?.metrics as { report?: DataReport } | undefined)?.report;
    const rows = report && knownRows(report);
    if (rows) found[name] = rows;
  }
  return found;
}

/** Tokens are in a report where a tokenizer could be had; characters always are. */
function knownRows({ train, test }: DataReport): KnownRows {
  const { tokens, characters } = train;
  const { mean, max } = characters.conversation;
  const perCharacter = tokens?.per_character ?? TOKENS_PER_CHARACTER;
  return {
    train: train.rows,
    test: test?.rows ?? 0,
    meanTokens: tokens?.mean ?? mean * perCharacter,
    longestTokens: Math.ceil(max * perCharacter),
    source: `the prepared data: ${train.rows.toLocaleString('en-US')} rows, ${Math.round(tokens?.mean ?? mean * perCharacter).toLocaleString('en-US')} tokens a row on the mean${tokens ? '' : ', a token for every 4 characters'}`,
  };
}

/** Of English text, about; a report without tokens is one of a recipe whose model has no tokenizer yet. */
const TOKENS_PER_CHARACTER = 0.25;
