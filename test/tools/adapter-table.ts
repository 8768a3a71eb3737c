import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import supported from '../../packages/trainer/src/prometheus_trainer/adapter_support.json' with {
  type: 'json',
};

interface Feature {
  what: string;
  note?: string;
  reason?: string;
}

/** docs/merging.md with the table of adapters that training, validation and merging go by. */
export function adapterTable(): Record<string, string> {
  const file = 'docs/merging.md';
  const rows = Object.values(supported as Record<string, Feature>).map(
    ({ what, note, reason }) =>
      `| ${what} | ${reason === undefined ? 'merged' : 'refused'} | ${note ?? reason ?? ''} |`,
  );
  const table = ['| adapter | | |', '| --- | --- | --- |', ...rows].join('\n');
  const text = readFileSync(path.join(PROJECT_ROOT, file), 'utf8');
  return {
    [file]: text.replace(
      /<!-- adapters -->[^]*<!-- \/adapters -->/,
      () => `<!-- adapters -->\n${table}\n<!-- /adapters -->`,
    ),
  };
}
