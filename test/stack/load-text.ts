import { formatMistake, loadStack } from '../../src/stack/index.ts';
import type { LoadInput, LoadResult, Project } from '../../src/stack/index.ts';

/** Loads `/app/compose.yaml` with this text; `files` are further files by absolute path. */
export function loadText(text: string, options: Partial<LoadInput> = {}, files: Readonly<Record<string, string>> = {}): LoadResult {
  const contents = new Map(Object.entries({ '/app/compose.yaml': text, ...files }));
  return loadStack({
    files: ['/app/compose.yaml'], workingDir: '/app', projectName: null, environment: { HOME: '/home/me' }, profiles: [], envFiles: null,
    read: (path) => contents.get(path) ?? null, ...options,
  });
}

/** The project of a text without mistakes. */
export function projectOf(text: string, options: Partial<LoadInput> = {}, files: Readonly<Record<string, string>> = {}): Project {
  const { project, mistakes } = loadText(text, options, files);
  if (project === null) throw new Error(mistakes.map(formatMistake).join('\n'));
  return project;
}

/** The mistakes of a text, one line each; where there are none, what `up` would refuse of it, but for what is not built yet. */
export function mistakesOf(text: string, options: Partial<LoadInput> = {}, files: Readonly<Record<string, string>> = {}): string[] {
  const { project, mistakes } = loadText(text, options, files);
  return [...mistakes, ...(project?.refusals ?? []).filter(({ message }) => !message.includes('not built'))].map(formatMistake);
}
