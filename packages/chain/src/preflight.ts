import { statfs } from 'node:fs/promises';
import { ConfigurationError, formatBytes } from '@prometheus-actions/stage';

/** @throws ConfigurationError when the disk of a folder has less than `bytes` free */
export async function requireFreeDisk(folder: string, bytes: number, purpose: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes) {
    throw new ConfigurationError(
      `${purpose} needs ${formatBytes(bytes)} in ${folder}, and ${formatBytes(bavail * bsize)} are free`,
      { hint: 'Free space there, or choose another folder for the artifacts.' },
    );
  }
}
