import { basename } from 'node:path/posix';

const valid = /^[a-z0-9][a-z0-9_-]*$/;

/** Why a name that somebody chose cannot be a project's (Compose Specification 04), or null where it can. */
export function projectNameMistake(name: string): string | null {
  if (valid.test(name)) return null;
  return `expected a project name of lower-case letters, digits, "_" and "-" that starts with a letter or digit, got ${JSON.stringify(name)}`;
}

/** The project's name after its folder: lower case, without what a name may not have; '' where nothing is left. */
export function projectNameOf(folder: string): string {
  return normalizeProjectName(basename(folder));
}

/** What is left of a name in lower case without what a name may not have. */
export function normalizeProjectName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9_-]/g, '').replace(/^[_-]+/, '');
}
