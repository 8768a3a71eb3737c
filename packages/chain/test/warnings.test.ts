import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type ActionContext,
  ConfigurationError,
  PlainReporter,
  runStage,
  type StageWarnings,
} from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { stageRequest } from '../src/requests/request.ts';
import { stageAction } from '../src/stage-action.ts';
import { warningsJson, warningsMarkdown, warningsText } from '../src/warnings.ts';

const group = (title: string | undefined, texts: Record<string, number>, leftOut = 0): StageWarnings => ({
  title,
  entries: Object.entries(texts).map(([text, times]) => ({ text, times })),
  leftOut,
});
const GROUPS = [
  group(undefined, { 'recipe.yaml:3:1: unused': 1 }),
  group('prepare-dataset feedback', { 'prepare-dataset feedback: rows are empty': 1 }),
  group('sft-train absolute', { 'the loss rises': 3, 'two\nlines': 1 }, 1200),
];

describe('the warnings of a run', () => {
  it('are counted and listed by stage, for a terminal', () => {
    expect(warningsText(GROUPS)).toBe(
      [
        '1,204 warnings',
        '  recipe.yaml:3:1: unused',
        '  prepare-dataset feedback: rows are empty',
        '  sft-train absolute: the loss rises (3 times)',
        '  sft-train absolute: two',
        '    lines',
        '  sft-train absolute: 1,200 more, shown while it ran',
      ].join('\n'),
    );
    expect(warningsText([group('a', { b: 1 })])).toBe('1 warning\n  a: b');
    expect(warningsText([])).toBe('');
  });

  it('are so in a summary, and as JSON', () => {
    expect(warningsMarkdown(GROUPS)).toBe(
      [
        '### 1,204 warnings\n',
        '- recipe.yaml:3:1: unused',
        '- prepare-dataset feedback: rows are empty',
        '- **sft-train absolute:** the loss rises (3 times)',
        '- **sft-train absolute:** two lines',
        '- **sft-train absolute:** 1,200 more, shown while it ran\n',
      ].join('\n'),
    );
    expect(warningsMarkdown([])).toBe('');
    expect(warningsJson(GROUPS.slice(0, 1))).toEqual([
      { stage: null, warnings: ['recipe.yaml:3:1: unused'], left_out: 0 },
    ]);
  });

  it('are text, whatever they hold', () => {
    const hostile = '<img src=x> [a](b) ```\n\u001b[31m\u202e| @team $x$';
    const shown = warningsMarkdown([group(hostile, { [hostile]: 1 })]);
    expect(shown.split('\n').filter(Boolean)).toHaveLength(2);
    expect(shown).not.toMatch(/[<`@\u001b\u202e]|\]\(/);
    expect(warningsText([group('a', { [hostile]: 1 })])).not.toMatch(/[\u001b\u202e]/);
  });
});

/** What an action of one stage leaves in its summary. */
async function summaryOf(ending: 'done' | 'stopped' | 'failed'): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'stage-action-'));
  const request = stageRequest({
    name: 'train',
    summary: '',
    inputs: z.strictObject({}),
    run: async (_inputs, context) => {
      context.reporter.warning('about its file');
      return runStage(
        {
          name: 'train',
          title: 'train',
          outputDir: path.join(folder, 'out'),
          settings: {},
          inputs: {},
          revision: 1,
          versions: {},
          resumable: true,
          run: async ({ reporter, stagingDir }) => {
            reporter.warning('about the work');
            if (ending === 'failed') throw new ConfigurationError('no space');
            if (ending === 'stopped') return 'stopped';
            writeFileSync(path.join(stagingDir, 'model'), '');
            return { metrics: { steps: 3 } };
          },
        },
        context,
      );
    },
  });
  const summaries: string[] = [];
  const last: string[] = [];
  const action: ActionContext = {
    reporter: new PlainReporter(() => {}),
    signal: new AbortController().signal,
    setOutput: () => {},
    addSummary: (markdown, at) => (at === 'end' ? last : summaries).push(markdown),
  };
  await stageAction(request, action).catch((error: Error) =>
    summaries.push(`### Failed: ${error.message}\n`),
  );
  return [...summaries, ...last].filter(Boolean).join('\n');
}

describe('the summary of an action', () => {
  it.each([
    ['done', /^### train: done\n/],
    ['stopped', /^### train: stopped\n/],
    ['failed', /^### Failed: no space\n/],
  ] as const)('ends with its warnings where the stage is %s', async (ending, beginning) => {
    const summary = await summaryOf(ending);
    expect(summary).toMatch(beginning);
    expect(summary).toMatch(/\n### 2 warnings\n\n- about its file\n- \*\*train:\*\* about the work\n$/);
  });
});
