import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { fetchFiles, hubSettings, listRepoFiles, resolveRepo } from '../src/index.ts';
import { requirePython, runPython } from './python.ts';
import { COMMIT, gitFile, lfsFile, REPO, useHub } from './test-hub.ts';

const hub = useHub();
const FILES = {
  'README.md': gitFile('readme', 2_000),
  'data/train.parquet': lfsFile('train', 150_000),
  'data/test.json': gitFile('test', 30_000),
};
const NAMES = Object.keys(FILES);
const REFERENCE = { type: 'dataset', id: 'owner/rows', revision: 'main' } as const;

function serve(): Record<string, string> {
  hub.server.repos['datasets/owner/rows'] = { commit: COMMIT, files: FILES };
  return {
    HF_ENDPOINT: hub.server.endpoint,
    HF_HOME: path.join(hub.cacheDir, 'home'),
    HF_HUB_DISABLE_XET: '1',
  };
}

const DOWNLOAD_ALL = `
import json, sys
from huggingface_hub import hf_hub_download, snapshot_download
local = sys.argv[1] == "local"
names = json.loads(sys.argv[2])
for revision in (None, sys.argv[3]):
    for name in names:
        print(hf_hub_download("owner/rows", name, repo_type="dataset", revision=revision, local_files_only=local))
`;

it('puts files where Python finds them offline, also all at once', async (context) => {
  requirePython(context);
  const env = serve();
  const settings = hubSettings({ ...env, HF_HUB_DOWNLOAD_TIMEOUT: '5' });
  const repo = await resolveRepo(REFERENCE, settings);
  const paths = await fetchFiles(repo, NAMES, settings);
  hub.server.log.length = 0;
  const offline = { ...env, HF_HUB_OFFLINE: '1' };
  const found = await runPython(DOWNLOAD_ALL, ['local', JSON.stringify(NAMES), COMMIT], offline);
  expect(found.trim().split('\n')).toEqual([...paths, ...paths]);
  const snapshot = await runPython(
    'from huggingface_hub import snapshot_download\nprint(snapshot_download("owner/rows", repo_type="dataset"))',
    [],
    offline,
  );
  expect(snapshot.trim()).toBe(path.dirname(paths[0] as string));
  expect(hub.server.log).toEqual([]);

  // It reads our list of files, and takes the cache for whole.
  const listed = await runPython(
    `
import json, sys
from huggingface_hub import scan_cache_dir
from huggingface_hub._tree_cache import read_tree_cache
report = scan_cache_dir()
(repo,) = report.repos
tree = read_tree_cache(str(repo.repo_path), sys.argv[1])
print(json.dumps({
    "tree": [[path, f.size, f.blob_id, f.lfs_sha256] for path, f in tree.items()],
    "warnings": len(report.warnings),
    "refs": list(repo.refs),
    "bytes": repo.size_on_disk,
}))
`,
    [COMMIT],
    offline,
  );
  const files = await listRepoFiles(repo, settings);
  const tree = files.map(({ path, size, gitOid, etag }) => [
    path,
    size,
    gitOid,
    etag === gitOid ? null : etag,
  ]);
  const { tree: theirs, ...rest } = JSON.parse(listed);
  expect(theirs.sort()).toEqual(tree.sort());
  expect(rest).toEqual({ warnings: 0, refs: ['main'], bytes: 182_000 });
});

it('finds offline what Python fetched, of git and of LFS', async (context) => {
  requirePython(context);
  const env = serve();
  const found = await runPython(DOWNLOAD_ALL, ['remote', JSON.stringify(NAMES), COMMIT], env);
  hub.server.log.length = 0;
  const settings = hubSettings({ ...env, HF_HUB_OFFLINE: '1' });
  const repo = await resolveRepo(REFERENCE, settings);
  expect(repo).toEqual(REPO);
  const paths = await fetchFiles(repo, NAMES, settings);
  expect(paths).toEqual(found.trim().split('\n').slice(0, 3));
  paths.forEach((file, index) => {
    expect(readFileSync(file).equals(FILES[NAMES[index] as keyof typeof FILES].content)).toBe(true);
  });
  expect(hub.server.log).toEqual([]);
});

it('reads the list of files that a snapshot of Python leaves, and fetches only what it left out', async (context) => {
  requirePython(context);
  const env = serve();
  await runPython(
    'from huggingface_hub import snapshot_download\nsnapshot_download("owner/rows", repo_type="dataset", allow_patterns="*.json")',
    [],
    env,
  );
  const offline = hubSettings({ ...env, HF_HUB_OFFLINE: '1' });
  expect((await listRepoFiles(REPO, offline)).map((file) => file.path).sort()).toEqual([...NAMES].sort());
  await fetchFiles(REPO, ['data/test.json'], offline);
  hub.server.log.length = 0;
  const settings = hubSettings({ ...env, HF_HUB_DOWNLOAD_TIMEOUT: '5' });
  const paths = await fetchFiles(REPO, NAMES, settings);
  expect(
    hub.server
      .contentRequests()
      .map(({ host }) => host)
      .sort(),
  ).toEqual(['hub', 'hub', 'storage']);
  expect(realpathSync(paths[2] as string)).toContain('/blobs/');
});

it('takes files that Python could not link, and does not fetch them again', async (context) => {
  requirePython(context);
  const env = serve();
  await runPython(
    'from huggingface_hub import snapshot_download\nsnapshot_download("owner/rows", repo_type="dataset")',
    [],
    { ...env, HF_HUB_DISABLE_SYMLINKS: '1' },
  );
  const paths = await fetchFiles(REPO, NAMES, hubSettings({ ...env, HF_HUB_OFFLINE: '1' }));
  paths.forEach((file, index) => {
    expect(lstatSync(file).isFile()).toBe(true);
    expect(readFileSync(file).equals(FILES[NAMES[index] as keyof typeof FILES].content)).toBe(true);
  });
});
