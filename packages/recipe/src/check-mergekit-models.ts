import path from 'node:path';
import { isThere } from '@prometheus-actions/stage';
import { unknownExpert, unknownNames } from './check-merge.ts';
import type { KeyPath, MergeReport } from './merge-entries.ts';
import { mapMergekitModels, modelName } from './mergekit-models.ts';
import { missingFile } from './yaml-file.ts';

/** What the names of models are held against; absent for a configuration by itself. */
export interface KnownModels {
  /** What `${name}` can be. */
  names: readonly string[];
  /** Where relative paths start. */
  folder: string;
}

/** A model of the hub that every run gets the same. */
const PINNED = /^[\w.-]+\/[\w.-]+@[0-9a-f]{40}$/;
const REPOSITORY = /^[\w.-]+\/[\w.-]+@/;

/** Keys of mergekit's other commands, whose models this stage would pass over. */
const OF_MOE = ['experts', 'shared_experts', 'gate_mode', 'source_model'];

/**
 * Checks every place of a mergekit configuration that names a model, in mergekit's long form too: what is no folder must be
 * an expert, or a repository at a commit. mergekit itself would fetch whatever a branch has on the day.
 */
export function checkMergekitModels(
  config: unknown,
  known: KnownModels | undefined,
  report: MergeReport,
): void {
  mapMergekitModels(config, (value, at) => {
    const name = modelName(value);
    if ('problem' in name) {
      const hint = 'Write a folder, ${expert}, ${base} or owner/name@COMMIT.';
      report(at, { code: 'bad-value', message: name.problem, hint });
    } else if (known) {
      const parts = name.lora === undefined ? [name.model] : [name.model, name.lora];
      if (typeof value !== 'string') for (const part of parts) checkPart(part, at, known, report);
      else checkText(value, at, known, report);
    }
    return value;
  });
  const { chat_template: template, ...keys } = config as Record<string, unknown>;
  for (const key of OF_MOE.filter((candidate) => candidate in keys)) {
    const message = `${key} is a key of mergekit-moe, and mergekit-yaml passes over it`;
    report(
      [key],
      {
        code: 'unknown-key',
        message,
        hint: 'Merge the experts here, and build the mixture with mergekit-moe.',
      },
      true,
    );
  }
  if (typeof template === 'string' && !template.includes('{') && !/^[\w.-]*$/.test(template)) {
    const message = 'chat_template is neither a Jinja text nor the name of a template that mergekit has';
    report(['chat_template'], {
      code: 'bad-value',
      message,
      hint: 'Write the text, auto, or a name such as chatml.',
    });
  }
}

function checkText(text: string, at: KeyPath, known: KnownModels, report: MergeReport): void {
  const isFolder = isThere(path.resolve(known.folder, text));
  for (const part of isFolder ? [] : text.split('+')) checkPart(part, at, known, report);
}

function checkPart(part: string, at: KeyPath, { names, folder }: KnownModels, report: MergeReport): void {
  if (part.includes('${')) {
    for (const name of unknownNames(part, names)) report(at, unknownExpert(name, names));
    return;
  }
  const absolute = path.resolve(folder, part);
  if (isThere(absolute) || PINNED.test(part)) return;
  if (REPOSITORY.test(part)) {
    const message = `${part} is not at a commit: another run may get another model`;
    const hint =
      "Write owner/name@ and the commit's 40 digits, as the hub shows them under Files and versions.";
    report(at, { severity: 'error', code: 'unpinned-revision', message, hint });
    return;
  }
  const finding = missingFile(part, absolute);
  report(at, {
    ...finding,
    message: finding.message.replace('no file', 'no model folder'),
    hint: finding.hint ?? 'Name a folder, ${expert}, ${base}, or a model of the hub as owner/name@COMMIT.',
  });
}
