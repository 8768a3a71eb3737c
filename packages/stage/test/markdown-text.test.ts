import { describe, expect, it } from 'vitest';
import { markdown } from '../src/markdown-text.ts';

/** The text as GitHub has it when it looks for names and addresses: entities are read by then, code is left alone. */
function seen(text: string): string {
  return markdown(text)
    .replaceAll(/<code>.*?<\/code>/g, '\n')
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
}

/** What GitHub makes a notification, a reference or a link of. */
const ACTS =
  /(?<![0-9a-z])[a-z]+-\d+(?![0-9a-z])|\bghsa-\w|:(?:[a-z+-][\w+-]*|100):|@[\w-]|#\d|:\/\/|\bwww\.|[\w.+-]@[\w-]+\.|(?<![0-9a-z])[0-9a-f]{7,40}(?![0-9a-z])/i;

describe('text of others in Markdown', () => {
  it.each([
    '@octocat',
    ':tada: :+1: :100:',
    'JIRA-123',
    'GHSA-abcd-1234-efgh',
    'CVE-2026-1234',
    '@octo-org/security',
    'thanks,@octocat!',
    '@@octocat',
    '#1',
    'octo-org/judge#12',
    'GH-7 and gh-8',
    'https://evil.example/login',
    'HTTP://evil.example',
    'ftp://evil.example',
    'www.evil.example',
    'WWW.evil.example/x',
    'person@evil.example',
    'mailto:person@evil.example',
    'xmpp:person@evil.example',
    'a5c3785ed8d6a35868bc169f07e40e889087fd2e',
    'octo-org/judge@a5c3785',
    'A5C3785',
    '<https://evil.example>',
    '[text](https://evil.example)',
    '![pixel](https://evil.example/pixel.png)',
    '<img src="https://evil.example">',
    '&commat;octocat &#64;octocat',
    '`@octocat`',
    '\\@octocat',
    '@\u200boctocat',
  ])('%s notifies nobody, refers to nothing and links nowhere', (text) => {
    expect(`${text}\n`).toMatch(/./);
    expect(seen(text)).not.toMatch(ACTS);
    expect(markdown(text).replaceAll(/<\/?code>|&#\d+;/g, '')).not.toMatch(/[<>&|`*_~[\]\\$]/);
  });

  it('stays as it is to a reader', () => {
    const text = 'learning_rate of `absolute`: 1e-5 → 2e-5 (5,120 rows, 45.2 %), a | b # c';
    expect(seen(text).replaceAll('\u200b', '')).toBe(text);
  });

  it('keeps a commit that can be copied', () => {
    const commit = '3ad372fc79158a2148299e3318516c786aeded6c';
    expect(markdown(`at ${commit}.`)).toBe(`at <code>${commit}</code>.`);
  });
});
