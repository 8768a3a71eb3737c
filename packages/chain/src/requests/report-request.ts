import { z } from 'zod';
import { flag, text } from './input-fields.ts';
import { recipeInputs } from './request.ts';

/** The report of a run as its action is asked for it; `action.yml` is made from it. */
export const reportRequest = {
  name: 'report',
  summary:
    'Report a whole run from the manifests of its outputs: one HTML page, a job summary and, if wanted, one comment on the pull request.',
  inputs: z.strictObject({
    ...recipeInputs,
    output: text('File to write the page to (default: report/report.html in the folder of outputs).'),
    comment: flag(
      'Write the report as a comment on the pull request too, and renew that one from run to run: true or false.',
    ),
    token: text(
      'Token for the comment, of a job with the permission pull-requests: write; not used otherwise.',
    ).meta({ default: '${{ github.token }}' }),
  }),
  outputs: {
    html: 'File of the page.',
    complete: 'Whether every output is there, whole, as the recipe says, and made from the other ones.',
    stages:
      'Each stage in the order of the plan, as JSON: its state (whole, absent, unfinished, outdated or damaged), output folder, manifest, fingerprint, digest, and the inputs with the stages that they came from.',
    summary: 'The report as Markdown, in at most 65,536 bytes.',
  },
};
