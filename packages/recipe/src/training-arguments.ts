import { type Diagnostic, didYouMean } from './diagnostics.ts';
import { expectedType, hasType, unquoted } from './issue-words.ts';
import type { KeyDescription } from './key-schema.ts';
import { OLDER_KEYS, OLDER_VALUES } from './older-keys.ts';
import { isExcluded, type ProfileChoice } from './profile-limits.ts';
import trainingKeys from './training-keys.json' with { type: 'json' };
import { CHOICES, checkTrainingValue, notAmong } from './training-values.ts';
import { type Finding, severityOf, type YamlFile } from './yaml-file.ts';

const KEYS = trainingKeys.keys as Record<string, KeyDescription>;

/** Whether TRL has such a key today. */
export function isTrainerKey(key: string): boolean {
  return Object.hasOwn(KEYS, key);
}

/**
 * Checks keys and values of TRL's configurations, older keys too, and gives them with their names and values of today.
 *
 * @param own the keys of this project's, for what a misspelt key may have meant
 */
export function checkArguments(
  data: Readonly<Record<string, unknown>>,
  profile: ProfileChoice,
  own: readonly string[],
  yaml: YamlFile,
  diagnostics: Diagnostic[],
): Record<string, unknown> {
  const accepted: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(data)) {
    const report = (finding: Finding, atKey = false) =>
      diagnostics.push(yaml.diagnose({ path: [key], key: atKey }, finding));
    const today = todaysArgument(key, value, data, report);
    if (!today) continue;
    if (!isTrainerKey(today.key)) {
      const hint = didYouMean(key, [...Object.keys(KEYS), ...own, ...Object.keys(OLDER_KEYS)]);
      const message = `unknown key ${key}: TRL ${trainingKeys.trl} has no such argument`;
      report({ code: 'unknown-key', message, hint }, true);
      continue;
    }
    const finding = checkValue(today.key, today.value);
    if (finding) report(finding);
    if (finding && severityOf(finding) === 'error') continue;
    const excluded = isExcluded(profile, today.key, today.value);
    if (excluded) report(excluded);
    else accepted[today.key] = today.value;
  }
  return accepted;
}

/** A key and its value as they are called today; `undefined` where nothing is left of them. Older ones are reported. */
function todaysArgument(
  key: string,
  value: unknown,
  data: Readonly<Record<string, unknown>>,
  report: (finding: Finding, atKey: boolean) => void,
): { key: string; value: unknown } | undefined {
  const older = Object.hasOwn(OLDER_KEYS, key) ? OLDER_KEYS[key] : undefined;
  if (!older) {
    const today = typeof value === 'string' ? OLDER_VALUES[key]?.[value] : undefined;
    if (today === undefined) return { key, value };
    const message = `${key}: ${value} is called ${today} today`;
    report({ code: 'renamed-key', message, fix: { key, value: today } }, false);
    return { key, value: today };
  }
  if (older.became === 'nothing') {
    const message = `${key} has no effect any more: ${older.why}`;
    report({ code: 'removed-key', message: message.replace(/\.$/, ''), fix: 'remove' }, true);
    return undefined;
  }
  if (older.became === 'elsewhere') {
    const message = `${key} is not read here`;
    report({ code: 'decided-elsewhere', message, hint: older.where }, true);
    return undefined;
  }
  if (older.key in data) {
    const message = `${key} is called ${older.key} today, which is there too and counts`;
    report({ code: 'renamed-key', message, fix: 'remove' }, true);
    return undefined;
  }
  const today = older.value ? older.value(value) : value;
  if (today === undefined) {
    const message = `${key}: ${JSON.stringify(value)} has no effect any more: it is so without the key`;
    report({ code: 'removed-key', message, fix: 'remove' }, true);
    return undefined;
  }
  const written = older.value ? `${older.key}: ${JSON.stringify(today)}` : older.key;
  const fix = older.value ? { key: older.key, value: today } : { key: older.key };
  report({ code: 'renamed-key', message: `${key} is called ${written} today`, fix }, true);
  return { key: older.key, value: today };
}

function checkValue(key: string, value: unknown): Finding | undefined {
  const { types = [], choices = CHOICES[key] } = KEYS[key] ?? {};
  if (!types.includes('any') && !hasType(value, types)) {
    const message = `${key}: ${expectedType(types, value)}`;
    return { code: 'wrong-type', message, hint: unquoted(value, types) };
  }
  if (choices && value !== null && !Array.isArray(value) && !choices.includes(value as string)) {
    const finding = notAmong(value, choices);
    return { ...finding, message: `${key}: ${finding.message}` };
  }
  return checkTrainingValue(key, value);
}
