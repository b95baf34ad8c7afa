import { contentBytes, desiredOf, type Project } from '../stack/index.ts';
import type { StackRequest } from '../state/messages.ts';
import type { Cli } from './cli.ts';
import { MistakesFound, readBytes, tellMistakes, type Seen } from './load-project.ts';

/** `x-bayplan: { on_failure: rollback }` at the top of the file. */
function rollsBack({ extensions }: Project): boolean {
  const own = extensions['x-bayplan'];
  return typeof own === 'object' && own !== null && 'on_failure' in own && own.on_failure === 'rollback';
}

/** What is sent to the engine for a project; `from` as in StackRequest. Throws where the file asks for something that would be unsafe to leave out. */
export function requestOf(project: Project, removeOrphans: boolean, cli: Cli, from: string | null = null, seen: Seen = new Set()): StackRequest {
  const read = (path: string): Buffer | null => {
    seen.add(path);
    return readBytes(path);
  };
  if (project.refusals.length > 0) {
    tellMistakes(project.refusals, cli);
    throw new MistakesFound(project.refusals.length);
  }
  return { version: 1, base: null, from, source: { workingDir: project.workingDir, files: [...project.files] }, desired: desiredOf(project, { removeOrphans }), bytes: contentBytes(project, read), ...(rollsBack(project) ? { onFailure: 'rollback' } : {}) };
}
