import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROJECT_ROOT } from '@prometheus-actions/stage';
import { describe, expect, it } from 'vitest';
import { readRecipe } from '../src/index.ts';

const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 14483498112\n';
const smoke = path.join(PROJECT_ROOT, 'recipes/smoke-7b');

/** The smoke recipe with another base model; its folder. */
function recipeOn(section: string): string {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'base-model-')), 'smoke-7b');
  cpSync(smoke, folder, { recursive: true });
  const file = path.join(folder, 'recipe.yaml');
  const text = readFileSync(file, 'utf8').replace(/^base_model:.*\n( .*\n)*/m, `base_model: ${section}\n`);
  writeFileSync(file, text);
  return folder;
}

const errorsIn = (folder: string) =>
  readRecipe(folder).diagnostics.filter(({ severity }) => severity === 'error');

describe('a base model in a folder', () => {
  const config = readFileSync(path.join(smoke, 'base-model.json'), 'utf8');
  const withFiles = (files: Record<string, string | Buffer>) => {
    const folder = recipeOn('{ path: model }');
    mkdirSync(path.join(folder, 'model'));
    for (const [name, content] of Object.entries({ 'config.json': config, ...files }))
      writeFileSync(path.join(folder, 'model', name), content);
    return folder;
  };

  it.each(['config.json', 'tokenizer.json', 'tokenizer.model', 'model-00001-of-00002.safetensors'])(
    'is refused where a pointer of Git LFS is in place of %s',
    (name) => {
      const folder = withFiles({ [name]: POINTER });
      expect(errorsIn(folder)).toMatchObject([
        {
          code: 'bad-value',
          file: path.join(folder, 'recipe.yaml'),
          message: `${path.join(folder, 'model', name)}: this is a pointer of Git LFS, not the file itself`,
          hint: expect.stringContaining('lfs: true'),
        },
      ]);
    },
  );

  it('is refused where transformers would not read its JSON, or read its template otherwise', () => {
    expect(errorsIn(withFiles({ 'config.json': `\ufeff${config}` }))).toMatchObject([
      { message: expect.stringMatching(/config\.json: .*byte order mark, which transformers does not read/) },
    ]);
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      expect(errorsIn(withFiles({ [name]: '\ufeff{}' }))).toMatchObject([
        {
          message: expect.stringContaining(
            `${name}: the file starts with a byte order mark, which transformers does`,
          ),
        },
      ]);
    }
    expect(errorsIn(withFiles({ 'chat_template.jinja': '\ufeff{{ messages }}' }))).toMatchObject([
      {
        message: expect.stringMatching(
          /chat_template\.jinja: .*which transformers takes for a part of each prompt/,
        ),
      },
    ]);
    expect(errorsIn(withFiles({ 'README.md': '\ufeff# Model', 'merges.txt': '' }))).toEqual([]);
    expect(errorsIn(withFiles({ 'config.json': Buffer.from(`\ufeff${config}`, 'utf16le') }))).toMatchObject([
      { message: expect.stringMatching(/config\.json: the file is in UTF-16/) },
    ]);
    expect(errorsIn(withFiles({}))).toEqual([]);
  });
});

describe('the config of a random base model', () => {
  const withConfig = (content: string | Buffer) => {
    const folder = recipeOn('{ random: base-model.json, seed: 0 }');
    writeFileSync(path.join(folder, 'base-model.json'), content);
    return folder;
  };
  const config = readFileSync(path.join(smoke, 'base-model.json'), 'utf8');

  it('may start with a byte order mark, for nothing else reads it', () => {
    const { recipe, diagnostics } = readRecipe(withConfig(`\ufeff${config}`));
    expect(diagnostics.filter(({ code }) => code === 'unknown-architecture')).toEqual([]);
    expect(recipe).toBeDefined();
  });

  it('is refused as a pointer of Git LFS, and in another encoding', () => {
    expect(errorsIn(withConfig(POINTER))).toMatchObject([{ message: expect.stringContaining('Git LFS') }]);
    expect(errorsIn(withConfig(Buffer.from(config, 'utf16le')))).toMatchObject([
      { message: expect.stringContaining('UTF-16') },
    ]);
  });
});
