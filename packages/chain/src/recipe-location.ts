import { homedir } from 'node:os';
import path from 'node:path';
import { isThere, PROJECT_ROOT } from '@prometheus-actions/stage';

/** A path as it is, or the name of a recipe that comes with the project. */
export function recipeLocation(recipe: string): string {
  const shipped = path.join(PROJECT_ROOT, 'recipes', recipe);
  return !isThere(recipe) && /^[\w.-]+$/.test(recipe) && isThere(shipped) ? shipped : recipe;
}

/** Where outputs are kept when nobody says: outside the workspace on a runner, since a checkout cleans that. */
export function defaultArtifactsDir(recipe: string): string {
  if (process.env.GITHUB_ACTIONS !== 'true') return `${process.cwd()}/runs/${recipe}`; // written so that the bundler does not take it for a file to bundle
  const toolCache = process.env.RUNNER_TOOL_CACHE ?? path.join(homedir(), '.cache');
  return path.join(toolCache, 'prometheus-actions', 'runs', recipe);
}
