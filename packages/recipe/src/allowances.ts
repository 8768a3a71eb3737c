const ALLOWANCE = /(?:^|\s)#\s*allow\s+([a-z-]+):\s*(\S.*)$/;

/**
 * What comments of a file allow: `# allow RULE: reason`, on the line of a finding or alone on the line above it.
 *
 * @returns the reason for which a rule's warning on a line, from 1, is no more than a notice
 */
export function allowances(text: string): (code: string, line: number) => string | undefined {
  if (!text.includes('allow')) return () => undefined;
  const lines = text.split('\n');
  const reasonOn = (line: number, code: string) => {
    const [, rule, reason] = ALLOWANCE.exec(lines[line - 1] ?? '') ?? [];
    return rule === code ? reason?.trim() : undefined;
  };
  return (code, line) => {
    const above = /^\s*#/.test(lines[line - 2] ?? '') ? reasonOn(line - 1, code) : undefined;
    return reasonOn(line, code) ?? above;
  };
}
