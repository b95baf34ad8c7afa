import { contentBytes, desiredOf, usesApiSocket, withApiSocket, withModels, withProvided, type Project } from '../stack/index.ts';
import type { StackRequest } from '../state/messages.ts';
import type { Providers } from '../state/provider.ts';
import type { Cli } from './cli.ts';
import { MistakesFound, readBytes, tellMistakes, type Seen } from './load-project.ts';
import { rootOf, type StackOptions } from './options.ts';

/** `x-bayplan: { on_failure: rollback }` at the top of the file. */
function rollsBack({ extensions }: Project): boolean {
  const own = extensions['x-bayplan'];
  return typeof own === 'object' && own !== null && 'on_failure' in own && own.on_failure === 'rollback';
}

export interface RequestChoices {
  readonly removeOrphans?: boolean;
  /** As in StackRequest; left out: null. */
  readonly from?: string | null;
  readonly seen?: Seen;
  /** What the providers of services have answered; left out: there are none. */
  readonly providers?: Providers;
  /** Those that are meant, with what they depend on: nobody asks where models of others answer, or what their configs hold. Empty: all. */
  readonly services?: readonly string[];
  /** Networks and volumes that no service uses too. */
  readonly unused?: boolean;
  /** False: they alone are meant. */
  readonly dependencies?: boolean;
}

/** What is sent to the engine for a project. Throws where the file asks for something that would be unsafe to leave out. */
export async function requestOf(project: Project, options: Pick<StackOptions, 'root'>, cli: Cli, { removeOrphans = false, from = null, seen = new Set(), providers = {}, services = [], dependencies = true, unused = false }: RequestChoices = {}): Promise<StackRequest> {
  const read = (path: string): Buffer | null => {
    seen.add(path);
    return readBytes(path);
  };
  if (project.refusals.length > 0) {
    tellMistakes(project.refusals, cli);
    throw new MistakesFound(project.refusals.length);
  }
  const answered = withProvided(project, providers);
  const provided = Object.keys(project.models).length === 0 ? answered : withModels(answered, await (await import('./models.ts')).servedModels(project, services, cli));
  const whole = !usesApiSocket(provided) ? provided : withApiSocket(provided, { socket: cli.socketOf(rootOf(options, cli)), dockerConfig: await (await import('./registry-credentials.ts')).wholeConfig(cli) });
  return { version: 1, base: null, from, source: { workingDir: whole.workingDir, files: [...whole.files] }, desired: { ...desiredOf(whole, { removeOrphans, unused }), ...(Object.keys(providers).length === 0 ? {} : { providers }) }, bytes: contentBytes(whole, read, services.length === 0 ? undefined : dependencies ? alsoNeeded(whole, services) : services), ...(rollsBack(whole) ? { onFailure: 'rollback' } : {}) };
}

function alsoNeeded({ services }: Project, named: readonly string[]): readonly string[] {
  const found = new Set<string>(named);
  for (const name of found) for (const other of Object.keys(services[name]?.depends_on ?? {})) found.add(other); // a set goes on with what is added meanwhile
  return [...found];
}
