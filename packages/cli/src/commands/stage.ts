import { chainContext, type StageRequest } from '@prometheus-actions/chain';
import { ConfigurationError, RecordingReporter } from '@prometheus-actions/stage';
import { type Command, Option } from 'commander';
import { printedJson } from '../printed-text.ts';
import { tellWarnings } from '../tell-warnings.ts';
import { commandReporter, type OutputOptions } from '../terminal-reporter.ts';

/** Adds the command of one stage; its options are the inputs of the stage's action, with the same names. */
export function addStageCommand(program: Command, request: StageRequest, signal: AbortSignal): void {
  const command = program.command(request.name).description(request.summary);
  for (const [key, schema] of Object.entries(request.inputs.shape)) {
    const isList = schema.meta()?.type === 'lines';
    const flag = `--${(isList ? singular(key) : key).replaceAll('_', '-')} <value>`;
    const option = new Option(
      flag,
      (schema.description ?? '').replace(', one a line', isList ? '; repeatable' : ''),
    );
    if (isList)
      option.argParser((value: string, earlier: string | undefined) =>
        earlier ? `${earlier}\n${value}` : value,
      );
    command.addOption(option);
  }
  command
    .option('--verify', 'hash every file of an output instead of trusting size and modification time')
    .option('--json', 'print the manifest of the output as JSON')
    .option('--quiet', 'no progress and no notices')
    .action(async (options: Record<string, string> & OutputOptions & { verify?: boolean }) => {
      const values = Object.fromEntries(
        Object.entries(request.inputs.shape).map(([key, schema]) => [
          key,
          options[camelCase(schema.meta()?.type === 'lines' ? singular(key) : key)],
        ]),
      );
      const inputs = request.inputs.safeParse(values);
      if (!inputs.success) {
        const [issue] = inputs.error.issues;
        throw new ConfigurationError(`--${String(issue?.path[0]).replaceAll('_', '-')}: ${issue?.message}`);
      }
      const reporter = new RecordingReporter(commandReporter(options));
      const context = chainContext({
        reporter,
        signal,
        ...(options.verify === undefined ? {} : { verify: options.verify }),
      });
      const outcome = await request.run(inputs.data, context).catch((error: unknown) => {
        tellWarnings(reporter);
        throw error;
      });
      if (request.report && outcome.manifest) reporter.info(`\n${request.report(outcome.manifest.metrics)}`);
      tellWarnings(reporter);
      if (options.json) process.stdout.write(`${printedJson(outcome.manifest ?? null)}\n`);
    });
}

/** `--file a --file b` reads better than `--files a --files b`. */
function singular(key: string): string {
  return key.replace(/s$/, '');
}

function camelCase(key: string): string {
  return key.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase());
}
