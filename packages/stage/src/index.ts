export { abortOnSignals, CancelledError } from './cancellation.ts';
export { canonicalJson, digestOf, type Json } from './canonical-json.ts';
export { childEnvironment, pathOutside } from './child-environment.mjs';
export {
  isFile,
  isThere,
  listFolder,
  openFile,
  RefusedPath,
  readFile,
  readStart,
  refusalOf,
  siblingNames,
  statFile,
} from './confined-files.ts';
export { writeOutput } from './confined-outputs.ts';
export {
  type Confinement,
  confined,
  confinement,
  confinementFrom,
  enclosureOf,
  isBelow,
  mayQuote,
} from './confinement.ts';
export { ChildProcessError, ConfigurationError, formatPlace, type Place } from './errors.ts';
export { contentDigest, type FileRecord, listFiles, recordFiles } from './file-digests.ts';
export { type FolderWalk, globFiles, isSimplePattern, walkFolder } from './folder-walk.ts';
export { GitError, git } from './git.ts';
export { GithubReporter, withoutCommands } from './github-reporter.ts';
export { PROJECT_ROOT } from './hardware.ts';
export { ensureUv, installPackages } from './install-packages.ts';
export { jobConfinement } from './job-confinement.ts';
export { SUMMARY_LIMIT } from './job-files.ts';
export { MOST_JSON_BYTES, parseLimitedJson } from './limited-json.ts';
export { followLinks } from './links.ts';
export { findDamage, type InputRecord, MANIFEST_FILE, type Manifest, readManifest } from './manifest.ts';
export { markdown } from './markdown-text.ts';
export { lockHolder, lockOutput, type OutputLock } from './output-lock.ts';
export { runProcessGroup } from './process-group.ts';
export { ensurePython, type PythonEnvironment, type RequirementSet } from './python-environment.ts';
export { isolatedPython, PYTHON_VARIABLES, SAFE_PATH_OPTION } from './python-isolation.ts';
export { RecordingReporter, type StageWarnings } from './recording-reporter.ts';
export {
  formatAmount,
  formatBytes,
  formatSeconds,
  PlainReporter,
  printable,
  type Reporter,
  type StageProgress,
  type StageStatus,
} from './reporter.ts';
export { type ActionContext, runAction } from './run-action.ts';
export { runCommand } from './run-command.ts';
export {
  changedKeys,
  fingerprintOf,
  runStage,
  type Stage,
  type StageCache,
  type StageContext,
  type StageOptions,
  type StageOutcome,
  staleness,
} from './run-stage.ts';
export type { StageEvent } from './stage-events.ts';
export { resolveInputs, type StageInput } from './stage-inputs.ts';
export { warningText } from './stage-warnings.ts';
export {
  isLfsPointer,
  LFS_FAULT,
  readJsonFile,
  START_BYTES,
  textFault,
  UTF8_MARK,
  withoutMark,
} from './text-file.ts';
export { visibleColumns, visibleText } from './visible-text.ts';
