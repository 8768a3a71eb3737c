import path from 'node:path';
import { globFiles, isSimplePattern, isThere, refusalOf } from '@prometheus-actions/stage';
import type { z } from 'zod';
import type { Diagnostic } from './diagnostics.ts';
import { resolveInRecipe } from './recipe-paths.ts';
import type { DatasetSection, datasetFileSchema, SourceSection } from './recipe-schema.ts';
import { type Finding, missingFile, type YamlFile } from './yaml-file.ts';

type FileSection = z.output<typeof datasetFileSchema>[string];

/**
 * The datasets of a dataset file, their sources as lists of absolute paths or pinned repositories. What does not fit
 * together is added to `diagnostics`; a dataset without its columns or sources is undefined, and so is one of which only
 * parts could be read.
 *
 * @param root the recipe's folder
 */
export function resolveDatasets(
  sections: Record<string, Partial<FileSection>>,
  yaml: YamlFile,
  root: string,
  diagnostics: Diagnostic[],
): Record<string, DatasetSection | undefined> {
  return Object.fromEntries(
    Object.entries(sections).map(([name, { source, columns, ...section }]): [string, DatasetSection?] => {
      const report = (at: PropertyKey[], finding: Finding) =>
        diagnostics.push(yaml.diagnose({ path: [name, ...at] }, finding));
      const folders = { root, from: path.dirname(yaml.file) };
      const resolvedColumns = columns && checkColumns(columns, report);
      checkSystemPrompt(section, resolvedColumns, report);
      const list = Array.isArray(source);
      const sources = (source === undefined ? [] : [source])
        .flat()
        .map((one, index) =>
          checkSource(one, folders, diagnostics, (at, finding) =>
            yaml.diagnose({ path: [name, 'source', ...(list ? [index] : []), ...at] }, finding),
          ),
        );
      const { split } = section;
      if (!resolvedColumns || !split || !sources.every((one) => one !== undefined)) return [name];
      return [name, { ...section, split, columns: resolvedColumns, sources }];
    }),
  );
}

type Report = (at: PropertyKey[], finding: Finding) => void;

function checkColumns(
  columns: FileSection['columns'],
  report: Report,
): DatasetSection['columns'] | undefined {
  const { user, assistant, messages } = columns;
  if (messages !== undefined && user === undefined && assistant === undefined) return { messages };
  if (messages === undefined && user !== undefined && assistant !== undefined) return { user, assistant };
  const message = 'columns needs user and assistant, or messages alone';
  report(['columns'], { code: 'bad-value', message });
  return undefined;
}

function checkSystemPrompt(
  section: Pick<FileSection, 'system_prompt'>,
  columns: DatasetSection['columns'] | undefined,
  report: Report,
): void {
  if (section.system_prompt === undefined || !columns || !('messages' in columns)) return;
  const message = 'system_prompt can not be put before messages that stand in the data';
  const hint = 'Write it into the messages, or name the columns user and assistant.';
  report(['system_prompt'], { code: 'bad-value', message, hint });
}

function checkSource(
  { files, hub, revision, hub_files }: Exclude<FileSection['source'], unknown[]>,
  folders: { root: string; from: string },
  diagnostics: Diagnostic[],
  diagnose: (at: PropertyKey[], finding: Finding) => Diagnostic,
): SourceSection | undefined {
  const report = (at: PropertyKey[], finding: Finding) => diagnostics.push(diagnose(at, finding));
  if ((files === undefined) === (hub === undefined)) {
    report([], { code: 'bad-value', message: 'source needs either files or hub' });
    return undefined;
  }
  if (hub !== undefined) {
    if (!/^[0-9a-f]{40}$/.test(revision ?? '')) {
      const message = `${hub} is not pinned to a commit: another run may get other rows`;
      const hint = 'Add revision: the commit; a run records in its manifest which one it fetched.';
      report(revision === undefined ? ['hub'] : ['revision'], { code: 'unpinned-revision', message, hint });
    }
    return { hub, revision, hub_files };
  }
  for (const key of ['revision', 'hub_files'] as const) {
    if ({ revision, hub_files }[key] === undefined) continue;
    report([key], { code: 'without-effect', message: `${key} has no effect beside files: it is for hub` });
  }
  const absolute = [files ?? []].flat().map((file, index) => {
    const at = Array.isArray(files) ? ['files', index] : ['files'];
    const found = resolveInRecipe(file, folders, (finding) => diagnose(at, finding), diagnostics);
    const isPattern = /[*?[{]/.test(found) && !isThere(found);
    if (isPattern && !isSimplePattern(found)) {
      const message = `${file} stands for too many names`;
      report(at, { code: 'bad-value', message, hint: 'Use *, ?, [a-z] and few {a,b}; or name a folder.' });
      return found;
    }
    const matches = isPattern ? globFiles(found) : [];
    const refused = matches.find((match) => refusalOf(match));
    if (refused !== undefined) report(at, missingFile(path.relative(folders.root, refused), refused));
    if (isPattern ? matches.length === 0 : !isThere(found)) {
      const finding = missingFile(file, found);
      const message = isPattern
        ? finding.message.replace('there is no file', 'no file matches')
        : finding.message;
      report(at, { ...finding, message });
    }
    return found;
  });
  return { files: absolute };
}
