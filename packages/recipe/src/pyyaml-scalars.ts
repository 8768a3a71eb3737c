import { type Document, isScalar, Scalar, visit } from 'yaml';
import type { Finding } from './yaml-file.ts';

/**
 * What PyYAML, by which TRL, accelerate and mergekit read files, makes of a plain scalar: YAML 1.1, in a dialect of its
 * own. A date or a time becomes a `Date`; what it has no other meaning for is a text.
 *
 * Source: `resolver.py` and `constructor.py` of PyYAML 6.
 */
export function pyyamlValue(text: string): unknown {
  if (/^(~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(yes|Yes|YES|true|True|TRUE|on|On|ON)$/.test(text)) return true;
  if (/^(no|No|NO|false|False|FALSE|off|Off|OFF)$/.test(text)) return false;
  if (FLOAT.test(text)) return float(text.replaceAll('_', '').toLowerCase());
  if (INTEGER.test(text)) return integer(text.replaceAll('_', ''));
  return TIME.test(text) ? new Date(text) : text;
}

const FLOAT = new RegExp(
  [
    /[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?/,
    /\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?/,
    /[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*/,
    /[-+]?\.(?:inf|Inf|INF)/,
    /\.(?:nan|NaN|NAN)/,
  ]
    .map(({ source }) => `^(?:${source})$`)
    .join('|'),
);

const INTEGER =
  /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;

const TIME =
  /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/;

function float(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[-+]/, '');
  if (digits === '.inf') return sign * Number.POSITIVE_INFINITY;
  if (digits === '.nan') return Number.NaN;
  return sign * (digits.includes(':') ? sixties(digits) : Number(digits));
}

function integer(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[-+]/, '');
  if (/^0[bx]/.test(digits)) return sign * Number(digits);
  if (digits.includes(':')) return sign * sixties(digits);
  return sign * Number.parseInt(digits, digits.startsWith('0') ? 8 : 10);
}

/** Hours, minutes and seconds, or degrees: digits to the base 60. */
function sixties(digits: string): number {
  return digits.split(':').reduce((sum, part) => 60 * sum + Number(part), 0);
}

/** What of a document's plain values PyYAML reads otherwise, each with its place. */
export function otherReadings(document: Document): { offset: number; end: number; finding: Finding }[] {
  const found: { offset: number; end: number; finding: Finding }[] = [];
  visit(document, {
    Scalar(place, node) {
      if (place === 'key' || node.type !== Scalar.PLAIN || node.tag !== undefined || !isScalar(node)) return;
      const { source = '', value, range } = node;
      const finding = otherReading(source, value);
      if (finding && range) found.push({ offset: range[0], end: range[1], finding });
    },
  });
  return found;
}

/** The finding for a value that PyYAML reads otherwise; undefined where it comes to the same. */
function otherReading(source: string, value: unknown): Finding | undefined {
  const theirs = pyyamlValue(source);
  if (Object.is(theirs, value) || (theirs instanceof Date && value instanceof Date)) return undefined;
  if (typeof value === 'number' && typeof theirs !== 'boolean' && Number(theirs) === value) {
    // 1e-5, a text to PyYAML, becomes a number in TRL, as a text on a command line does.
    if (typeof theirs === 'number' || /^[-+\d.eE]+$/.test(source)) return undefined;
  }
  const isWord = typeof theirs === 'boolean' || typeof value === 'boolean';
  return {
    severity: isWord ? 'notice' : 'warning',
    code: 'yaml-version',
    message: `${source} is ${words(value)} here, and ${words(theirs)} to PyYAML, which TRL, accelerate and mergekit read files by`,
    hint: `Write ${advice(source, value, theirs)}.`,
  };
}

function words(value: unknown): string {
  if (value instanceof Date) return 'a date';
  return typeof value === 'string' ? 'a text' : `${typeof value === 'number' ? 'the number ' : ''}${value}`;
}

function advice(source: string, value: unknown, theirs: unknown): string {
  const plain = [value, theirs].filter((one) => typeof one === 'number' || typeof one === 'boolean');
  const texts = typeof value === 'string' || typeof theirs === 'string' ? [`"${source}" for a text`] : [];
  return [...plain.map((one) => `${one}`), ...texts].join(', or ');
}
