export function changelogSection(changelog: string, version: string): string | undefined;
export function releaseNotes(tag: string, root: string): { notes: string } | { problem: string };
