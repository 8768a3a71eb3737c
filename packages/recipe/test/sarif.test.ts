import standard from '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json' with { type: 'json' };
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import { type Diagnostic, RULES, sarifLog } from '../src/index.ts';

// The schema of the standard, of draft 4: all that it has is the same in today's drafts, but for the name of its id.
const { $schema: _, id: __, ...schema } = standard as Record<string, unknown>;
const ajv = new Ajv({
  strict: false,
  unicodeRegExp: false,
  formats: { uri: isUri, 'uri-reference': isReference, 'date-time': true },
});
const isSarif = ajv.compile(schema);

function isUri(text: string): boolean {
  return URL.canParse(text);
}

function isReference(text: string): boolean {
  return /^[\w.~:/?#[\]@!$&'()*+,;=%-]*$/.test(text) && URL.canParse(text, 'file:///');
}

const finding: Diagnostic = {
  severity: 'error',
  code: 'unknown-key',
  message: 'unknown key lerning_rate',
  hint: 'Did you mean learning_rate?',
  file: '/repository/recipes/mine/absolute.yaml',
  line: 8,
  column: 1,
};

const logOf = (...diagnostics: Diagnostic[]) =>
  sarifLog(diagnostics, { root: '/repository', version: '1.2.3' });

it('has the schema of the standard, with findings and without', () => {
  for (const log of [
    logOf(),
    logOf(finding, { ...finding, severity: 'notice', hint: undefined, code: 'renamed-key', line: 20 }),
    logOf({ ...finding, file: '/elsewhere/a b#c.yaml', code: 'bad-value' }),
  ]) {
    expect(isSarif(log), JSON.stringify(isSarif.errors)).toBe(true);
  }
});

it('is refused by that schema when it is wrong', () => {
  const log = logOf(finding);
  const [run] = log.runs;
  expect(isSarif({ ...log, runs: [{ ...run, results: [{ ruleId: 'x' }] }] })).toBe(false);
  expect(isSarif({ ...log, runs: [{ ...run, tool: {} }] })).toBe(false);
});

it('says rule, level, place and what to do', () => {
  const [run] = logOf(finding).runs;
  expect(run?.results).toEqual([
    {
      ruleId: 'unknown-key',
      ruleIndex: Object.keys(RULES).indexOf('unknown-key'),
      level: 'error',
      message: { text: 'unknown key lerning_rate. Did you mean learning_rate?' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'recipes/mine/absolute.yaml', uriBaseId: '%SRCROOT%' },
            region: { startLine: 8, startColumn: 1 },
          },
        },
      ],
    },
  ]);
  expect(run?.tool.driver.rules.map(({ id }) => id)).toEqual(Object.keys(RULES));
  expect(run?.tool.driver.rules).toContainEqual({
    id: 'renamed-key',
    shortDescription: { text: RULES['renamed-key'].summary },
    defaultConfiguration: { level: 'note' },
  });
});

it.each([
  ['/repository/a b/ü#?.yaml', 'a%20b/%C3%BC%23%3F.yaml'],
  ['/elsewhere/recipe.yaml', 'file:///elsewhere/recipe.yaml'],
])('writes %s as an address', (file, uri) => {
  const [run] = logOf({ ...finding, file }).runs;
  expect(run?.results[0]?.locations[0]?.physicalLocation.artifactLocation.uri).toBe(uri);
});
