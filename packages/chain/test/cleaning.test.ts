import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lockOutput } from '@prometheus-actions/stage';
import { beforeEach, describe, expect, it } from 'vitest';
import { artifactsFacts } from '../src/cleaning/artifacts-facts.ts';
import { chooseLeftovers } from '../src/cleaning/leftovers.ts';
import { removeLeftovers } from '../src/cleaning/remove-leftovers.ts';
import {
  age,
  at,
  checkpoint,
  clean,
  finish,
  hubCache,
  interrupt,
  plan,
  removed,
  root,
  startWithEmptyFolders,
  tree,
} from './cleaned-folder.ts';

beforeEach(startWithEmptyFolders);

describe('stays', () => {
  it('every finished output of the plan, with what stands beside it, and of any name without a plan', async () => {
    await finish('judge', 'experts/absolute', 'data/judgements');
    const before = tree();
    expect(await clean({ plan: plan('experts/absolute', 'data/judgements') })).toEqual([]);
    expect(await clean()).toEqual([]);
    expect(tree()).toEqual(before);
  });

  it('everything, where it is only told', async () => {
    await finish('judge', 'experts/absolute', 'experts/old');
    const before = tree();
    const found = await clean({ remove: false, plan: plan('experts/absolute') });
    expect(removed(found)).toEqual(['experts/old', 'experts/old.log']);
    expect(found[0]?.bytes).toBeGreaterThan(1000);
    expect(tree()).toEqual(before);
  });

  it('the newest run that can go on, also where a later one has no checkpoint yet', async () => {
    await finish('data/judgements');
    const run = await interrupt('experts/absolute', 1, [1, 2]);
    age(run, 3);
    await interrupt('experts/absolute', 2, []);
    const found = await clean();
    expect(existsSync(path.join(run, 'work/checkpoints/checkpoint-2/complete.json'))).toBe(true);
    expect(removed(found)).toEqual([
      expect.stringMatching(/checkpoint-1$/),
      expect.stringMatching(/^experts\/\.absolute\.[0-9a-f]{12}\.staging$/),
    ]);
    expect(found.find(({ path: one }) => one === run)?.reason).toBe(
      'an unfinished run at step 2; the same command goes on with it',
    );
  });

  it('the best checkpoint, and one that is being written', async () => {
    await finish('judge');
    const run = await interrupt('experts/absolute', 1, [1, 2, 3]);
    checkpoint(run, 4, { best: '/elsewhere/checkpoint-2' });
    checkpoint(run, 5, { torn: true });
    await clean();
    expect(readdirSync(path.join(run, 'work/checkpoints'))).toEqual([
      'checkpoint-2',
      'checkpoint-4',
      'checkpoint-5',
    ]);
  });

  it('of checkpoints that were set aside, the one whose weights are in no other', async () => {
    await finish('judge');
    const run = await interrupt('experts/absolute', 1, [3]);
    for (const name of ['damaged-checkpoint-4', 'incomplete-checkpoint-2', 'incomplete-checkpoint-5'])
      mkdirSync(path.join(run, 'work/checkpoints', name));
    await clean();
    expect(readdirSync(path.join(run, 'work/checkpoints'))).toEqual([
      'checkpoint-3',
      'incomplete-checkpoint-5',
    ]);
  });

  it('the checkpoint before one whose state is damaged: training resumes from it', async () => {
    await finish('judge');
    const run = await interrupt('experts/absolute', 1, [1, 2]);
    const damaged = checkpoint(run, 3);
    const state = path.join(damaged, 'trainer_state.json');
    writeFileSync(state, '\0'.repeat(statSync(state).size));
    const found = await clean();
    expect(readdirSync(path.join(run, 'work/checkpoints'))).toEqual(['checkpoint-2', 'checkpoint-3']);
    expect(found.find(({ path: one }) => one === run)?.reason).toBe(
      'an unfinished run at step 2; the same command goes on with it',
    );
  });

  it('weights that are in a checkpoint alone which was not saved to the end', async () => {
    await finish('judge', 'experts/relative');
    const run = await interrupt('experts/absolute', 1, []);
    const other = await interrupt('experts/relative', 2, []);
    mkdirSync(path.join(run, 'work/checkpoints/incomplete-checkpoint-5'), { recursive: true });
    mkdirSync(path.join(other, 'work/checkpoints/damaged-checkpoint-5'), { recursive: true });
    const found = await clean();
    expect(existsSync(path.join(run, 'work/checkpoints/incomplete-checkpoint-5'))).toBe(true);
    expect(existsSync(other)).toBe(false);
    expect(found.find(({ path: one }) => one === run)?.reason).toBe(
      'an interrupted run whose weights are in a checkpoint that was not saved to the end',
    );
  });

  it('a finished output that was not yet given its name, and the earlier one', async () => {
    await finish('judge', 'experts/absolute');
    const run = await interrupt('experts/absolute', 2, []);
    cpSync(at('experts/absolute'), path.join(run, 'output'), { recursive: true });
    renameSync(at('experts/absolute'), at('experts/.absolute.old'));
    const before = tree();
    expect(removed(await clean())).toEqual([]);
    expect(tree()).toEqual(before);
  });

  it('what was written to a short time ago', async () => {
    await finish('judge', 'experts/absolute', 'experts/old');
    const before = tree();
    const found = await clean({ plan: plan('experts/absolute'), olderThan: 600_000 });
    expect(found.map(({ reason }) => reason)).toContain('written to a short time ago (--older-than)');
    expect(tree()).toEqual(before);
    age(at('experts/old'), 8);
    await clean({ plan: plan('experts/absolute'), olderThan: 7 * 86_400_000 });
    expect(existsSync(at('experts/old'))).toBe(false);
    expect(existsSync(at('experts/old.log'))).toBe(true);
  });

  it("another recipe's outputs, where the folder has nothing of the plan", async () => {
    await finish('judge', 'experts/theirs', 'data/theirs');
    const before = tree();
    const found = await clean({ plan: plan('experts/ours', 'data/ours') });
    expect(found[0]?.reason).toContain('is this the folder of another recipe?');
    expect(tree()).toEqual(before);
  });

  it('an output in which somebody put something', async () => {
    await finish('judge', 'experts/absolute', 'experts/old');
    writeFileSync(at('experts/old/notes.txt'), 'mine');
    const found = await clean({ plan: plan('experts/absolute'), outputs: ['experts/old'] });
    expect(found[0]?.reason).toContain('it holds notes.txt, which no stage made');
    expect(existsSync(at('experts/old/notes.txt'))).toBe(true);
    expect(existsSync(at('experts/old/model.safetensors'))).toBe(true);
  });

  it('a folder that no stage made, whatever the plan says', async () => {
    await finish('judge', 'experts/absolute');
    mkdirSync(at('experts/mine'));
    mkdirSync(at('notes'));
    writeFileSync(at('experts/mine/weights.bin'), 'mine');
    await clean({ plan: plan('experts/absolute') });
    expect(existsSync(at('experts/mine/weights.bin'))).toBe(true);
    expect(existsSync(at('notes'))).toBe(true);
    await expect(clean({ outputs: ['experts/mine'] })).rejects.toThrow(
      'no stage has made such an output here',
    );
  });

  it('what a job for a launcher of somebody works in', async () => {
    await finish('judge', 'experts/absolute');
    const run = await interrupt('experts/old', 1, [1]);
    writeFileSync(at('experts/old.job.json'), JSON.stringify({ output_dir: path.join(run, 'work/output') }));
    age(at('experts'), 30);
    const before = tree();
    await clean({ plan: plan('experts/absolute') });
    expect(tree()).toEqual(before);
    await clean({ outputs: ['experts/old'] });
    expect(
      readdirSync(at('experts')).filter((name) => name.includes('old') && !name.includes('.lock')),
    ).toEqual([]);
  });
});

describe('goes', () => {
  it('a named output, with all that belongs to it and no other', async () => {
    await finish('judge', 'experts/absolute', 'experts/absolute-2');
    await interrupt('experts/absolute', 2, [1]);
    await clean({ outputs: ['experts/absolute/'] });
    expect(tree().filter((name) => name.includes('absolute'))).toEqual([
      'experts/absolute-2',
      'experts/absolute-2.log',
      'experts/absolute-2/model.safetensors',
      'experts/absolute-2/stage-manifest.json',
    ]);
    expect(existsSync(at('judge/stage-manifest.json'))).toBe(true);
  });

  it('an older run where a newer one goes on, and any that ended before the output was finished', async () => {
    await finish('judge');
    const runs = [await interrupt('experts/a', 1, [3]), await interrupt('experts/a', 2, [4])];
    age(runs[0] ?? '', 2);
    age(runs[1] ?? '', 1);
    expect(removed(await clean())).toEqual([path.relative(root, runs[0] ?? '')]);
    await finish('experts/a');
    expect(removed(await clean())).toEqual([path.relative(root, runs[1] ?? '')]);
  });

  it('logs and job files of what is gone', async () => {
    await finish('judge', 'experts/absolute');
    writeFileSync(at('experts/absolute.loss.svg'), '');
    mkdirSync(at('experts/absolute.tensorboard'));
    rmSync(at('experts/absolute'), { recursive: true });
    expect(removed(await clean()).sort()).toEqual([
      'experts/absolute.log',
      'experts/absolute.loss.svg',
      'experts/absolute.tensorboard',
    ]);
  });

  it('the rest of a removal that was interrupted', async () => {
    await finish('judge', 'experts/absolute');
    renameSync(at('experts/absolute'), at('experts/.absolute.0123456789ab.removed'));
    await clean();
    expect(readdirSync(at('experts')).filter((name) => !name.includes('.lock'))).toEqual([]);
  });

  it('a download of ours that did not end, a day later, and nothing of Python', async () => {
    await finish('judge');
    const blobs = path.join(hubCache, 'models--a--b/blobs');
    mkdirSync(blobs, { recursive: true });
    const etag = 'ab'.repeat(32);
    const ours = path.join(blobs, `${etag}.prometheus.incomplete`);
    const theirs = path.join(blobs, `${etag}.incomplete`);
    for (const file of [ours, theirs, path.join(blobs, etag)]) writeFileSync(file, 'x');
    await clean();
    expect(existsSync(ours)).toBe(true);
    age(hubCache, 2);
    const lock = await lockOutput(path.join(hubCache, '.locks/models--a--b', etag));
    await clean();
    expect(existsSync(ours)).toBe(true);
    lock.release();
    await clean();
    expect(readdirSync(blobs)).toEqual([etag, `${etag}.incomplete`]);
  });
});

describe('never leaves the folder', () => {
  it('removes links themselves, and follows none', async () => {
    const outside = mkdtempSync(path.join(tmpdir(), 'outside-'));
    writeFileSync(path.join(outside, 'precious'), 'x');
    await finish('judge', 'experts/absolute', 'experts/old');
    symlinkSync(outside, at('experts/linked'));
    symlinkSync(outside, at('experts/.linked.0123456789ab.staging'));
    symlinkSync(outside, at('data'));
    const run = await interrupt('experts/gone', 1, []);
    symlinkSync(outside, path.join(run, 'work/checkpoints'));
    symlinkSync(path.join(outside, 'precious'), at('experts/dangling.log'));
    const found = await clean({ plan: plan('experts/absolute') });
    expect(removed(found)).toContain('experts/dangling.log');
    expect(existsSync(run)).toBe(false);
    expect(existsSync(at('experts/old'))).toBe(false);
    expect(readdirSync(outside)).toEqual(['precious']);
    expect(existsSync(at('data/precious'))).toBe(true);
    expect(existsSync(at('experts/linked/precious'))).toBe(true);
    expect(existsSync(at('experts/.linked.0123456789ab.staging/precious'))).toBe(true);
  });

  it('keeps what stands in a folder that has become a link since it was looked at', async () => {
    await finish('judge', 'experts/absolute');
    const facts = await artifactsFacts(root);
    const rules = { named: new Set(['experts/absolute']), olderThan: 0, now: Date.now() + 1000 };
    const chosen = chooseLeftovers(facts, rules);
    expect(chosen.map(({ fate }) => fate)).toEqual(['remove', 'remove']);
    const outside = mkdtempSync(path.join(tmpdir(), 'outside-'));
    renameSync(at('experts'), path.join(outside, 'experts'));
    symlinkSync(path.join(outside, 'experts'), at('experts'));
    const left = await removeLeftovers(root, 'experts/absolute', chosen, facts, rules);
    expect(left.map(({ fate, reason }) => `${fate}: ${reason}`)).toEqual(
      Array(2).fill('keep: its folder has become a link'),
    );
    expect(existsSync(path.join(outside, 'experts/absolute/model.safetensors'))).toBe(true);
    await expect(clean({ outputs: ['experts/absolute'] })).rejects.toThrow(
      'no stage has made such an output',
    );
  });

  it.each(['../judge', '/', '.', 'experts', 'experts/../..', 'experts/absolute/../../judge/..', '~'])(
    'takes no --output %s',
    async (name) => {
      await finish('judge', 'experts/absolute');
      const before = tree();
      await expect(clean({ outputs: [name] })).rejects.toThrow('no stage has made such an output here');
      expect(tree()).toEqual(before);
    },
  );

  it('refuses a folder in which no stage made anything', async () => {
    mkdirSync(at('experts/.absolute.0123456789ab.staging'), { recursive: true });
    await expect(clean()).rejects.toThrow(/is no folder of artifacts/);
    await expect(clean({ artifactsDir: at('nowhere') })).rejects.toThrow(/can't be read: ENOENT/);
    expect(existsSync(at('experts/.absolute.0123456789ab.staging'))).toBe(true);
  });
});

describe('a stage that runs in another process', () => {
  it('keeps its folders, and all finished outputs, until it has ended', async () => {
    await finish('judge', 'experts/absolute', 'experts/old');
    const script = `
      import { runStage, PlainReporter } from '@prometheus-actions/stage';
      import { writeFileSync } from 'node:fs';
      await runStage({ name: 'test', title: 'x', outputDir: ${JSON.stringify(at('experts/busy'))}, settings: 1, inputs: {},
        revision: 1, versions: {}, resumable: true, run: async ({ stagingDir }) => {
          writeFileSync(stagingDir + '/part', 'x'); process.stdout.write('running');
          await new Promise((resolve) => process.stdin.once('data', resolve).once('end', resolve));
          process.stdin.destroy(); return { metrics: {} }; } },
        { reporter: new PlainReporter(() => {}), signal: new AbortController().signal });`;
    const child = spawn('node', ['--input-type=module', '-e', script], {
      cwd: path.join(import.meta.dirname, '..'),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      const before = tree();
      const options = { plan: plan('experts/absolute'), outputs: ['experts/busy', 'experts/absolute'] };
      const found = await clean(options);
      expect(tree()).toEqual(before);
      const reasons = Object.fromEntries(found.map((one) => [path.relative(root, one.path), one.reason]));
      expect(reasons['experts/absolute']).toMatch(/^experts\/busy is being made by process \d+ on /);
      const staging = Object.keys(reasons).find((name) => name.endsWith('.staging')) ?? '';
      expect(reasons[staging]).toMatch(new RegExp(`^in use by process ${child.pid} on `));
    } finally {
      child.stdin.end();
      await once(child, 'exit');
    }
    expect(existsSync(at('experts/busy/stage-manifest.json'))).toBe(true);
    await clean({ plan: plan('experts/absolute') });
    for (const name of ['old', 'busy']) expect(existsSync(at('experts', name))).toBe(false);
  });
});
