import {
  CST,
  type Document,
  type ErrorCode,
  isPair,
  Lexer,
  type Scalar,
  visit,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
  type YAMLWarning,
} from 'yaml';
import type { RuleCode } from './rules.ts';
import type { Finding } from './yaml-file.ts';
import { isMergeKey } from './yaml-nodes.ts';

interface Explanation {
  message: (found: string) => string;
  hint: string;
}

/** What the parser's errors mean to somebody who does not know YAML's grammar. */
const EXPLANATIONS: Partial<Record<ErrorCode, Explanation>> = {
  BAD_DQ_ESCAPE: {
    message: (found) => `${found} has no meaning between double quotes`,
    hint: 'Write \\\\ for a backslash, or use single quotes.',
  },
  BAD_INDENT: {
    message: () => 'a bracket before this line is not closed',
    hint: 'Close it with ] or }, or indent what is within.',
  },
  BAD_SCALAR_START: {
    message: (found) => `a value can't begin with ${found}`,
    hint: 'Put quotes around it.',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: () => 'a "key: value" within a value',
    hint: 'Put quotes around a text with a colon and a space in it, or indent the next line as this key is.',
  },
  DUPLICATE_KEY: {
    message: (found) => `the key ${found} stands here a second time`,
    hint: 'Keep one of them.',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: () => 'a line without "key: value"',
    hint: 'Is the space after its colon missing?',
  },
  MULTIPLE_DOCS: {
    message: () => 'a second document begins here',
    hint: 'A file has one: remove the line ---.',
  },
  TAB_AS_INDENT: { message: () => 'a tab in the indentation', hint: 'YAML is indented with spaces only.' },
  UNEXPECTED_TOKEN: {
    message: (found) => `${found ? `"${found}"` : 'what stands here'} is not expected here`,
    hint: 'Look at the indentation, and at quotes and brackets before it.',
  },
};

/**
 * What a person needs to hear of the parser's errors, each with the place in the text where it is.
 *
 * Of errors in the grammar only the first: the others follow from it. Of keys that stand twice, all.
 */
export function explainSyntax(
  errors: readonly YAMLError[],
  text: string,
): { offset: number; finding: Finding }[] {
  const first = errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  return errors
    .filter((error) => error === first || error.code === 'DUPLICATE_KEY')
    .map(({ code, message, pos: [offset] }) => {
      const finding: { code: RuleCode } = {
        code: code === 'DUPLICATE_KEY' ? 'duplicate-key' : 'yaml-syntax',
      };
      if (code === 'MISSING_CHAR' && message.endsWith('quote'))
        return {
          offset: text.lastIndexOf(message.includes('"') ? '"' : "'", offset - 1),
          finding: { ...finding, message: 'a quote is not closed', hint: 'Close it on the line it begins.' },
        };
      const explanation = EXPLANATIONS[code];
      if (!explanation) return { offset, finding: { ...finding, message } };
      const found = foundAt(code, text, offset);
      return {
        offset,
        finding: { ...finding, message: explanation.message(found), hint: explanation.hint },
      };
    });
}

/** The parser looks for the anchor of each alias anew, through all of the file: more would take minutes. */
const MOST_ALIASES = 500;

/**
 * The first alias that names no anchor before it, of which the parser says so only when values are made, or that is in the
 * value of its own anchor, which YAML allows and no file of settings means; or one too many.
 */
export function wrongAlias(document: Document): { offset: number; finding: Finding } | undefined {
  let wrong: { offset: number; finding: Finding } | undefined;
  const anchored = new Map<string, unknown>();
  let aliases = 0;
  const noteAnchor = (_: unknown, node: Scalar | YAMLMap | YAMLSeq) => {
    if (node.anchor) anchored.set(node.anchor, node);
  };
  visit(document, {
    Scalar: noteAnchor,
    Map: noteAnchor,
    Seq: noteAnchor,
    Alias(_, { source, range }, around) {
      aliases += 1;
      const problem = aliasProblem(source, anchored.get(source), around, aliases);
      if (!problem) return undefined;
      const [message, hint] = problem;
      wrong = { offset: range?.[0] ?? 0, finding: { code: 'yaml-syntax', message, hint } };
      return visit.BREAK;
    },
  });
  return wrong;
}

function aliasProblem(
  name: string,
  anchored: unknown,
  around: readonly unknown[],
  count: number,
): [message: string, hint: string] | undefined {
  if (count > MOST_ALIASES)
    return [`the file has more than ${MOST_ALIASES} aliases (*name)`, 'Write it without them.'];
  if (anchored === undefined)
    return [
      `*${name} repeats an anchor &${name}, and there is none before it`,
      'Put quotes around a text that begins with *.',
    ];
  // Of merge keys that take in themselves, mergeFaults says so.
  if (around.includes(anchored) && !around.some((each) => isPair(each) && isMergeKey(each.key)))
    return [`*${name} is in the value of &${name} itself, which so has no end`, 'Write the value out.'];
  return undefined;
}

/** Tags (`!name`) that mean nothing: PyYAML refuses them, and the parser here only warns. */
export function unknownTags(
  warnings: readonly YAMLWarning[],
  text: string,
): { offset: number; finding: Finding }[] {
  return warnings
    .filter(({ code }) => code === 'TAG_RESOLVE_FAILED')
    .map(({ pos: [offset] }) => {
      const message = `the tag ${/^\S*/.exec(text.slice(offset))?.[0] ?? ''} has no meaning here`;
      const hint = 'Leave it out, or put quotes around a text that begins with !.';
      return { offset, finding: { code: 'yaml-syntax', message, hint } };
    });
}

/** The first tab that is neither in quotes, in a block of text nor in a comment: PyYAML refuses it there. */
export function strayTab(text: string): { offset: number; finding: Finding } | undefined {
  let offset = 0;
  let isBlock = false;
  let isScalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    const type = CST.tokenType(lexeme);
    if (type === 'block-scalar-header') isBlock = true;
    const isPlain = isScalar && !isBlock;
    if ((isPlain || (type === 'space' && !isScalar)) && lexeme.includes('\t')) {
      const message = 'a tab between words, which PyYAML refuses';
      const finding: Finding = {
        code: 'yaml-syntax',
        message,
        hint: 'Write spaces, or put quotes around the text.',
      };
      return { offset: offset + lexeme.indexOf('\t'), finding };
    }
    if (isScalar) isBlock = false;
    isScalar = type === 'scalar';
    // The lexer's own marks are no part of the text.
    if (!isScalar && type !== 'doc-mode' && type !== 'flow-error-end') offset += lexeme.length;
  }
  return undefined;
}

function foundAt(code: ErrorCode, text: string, offset: number): string {
  const rest = text.slice(offset);
  if (code === 'BAD_SCALAR_START') return rest.slice(0, 1);
  if (code === 'BAD_DQ_ESCAPE') return rest.slice(0, 2);
  return /^("[^"\n]*"|'[^'\n]*'|[^\s:,[\]{}]+|\S?)/.exec(rest)?.[0] ?? '';
}
