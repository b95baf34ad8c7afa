import { nameOf } from '../client/container-summary.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Desired } from '../state/state.ts';
import type { Cli } from './cli.ts';
import type { StackOptions } from './options.ts';
import { STANDARD_INPUT, stackFilesOf } from './project-name.ts';

/** What of a stack a command without names is about: services, and those of them that providers provide. `notes`: a line on what is left as it is. */
export interface Meant { readonly services: readonly string[]; readonly providers: readonly string[]; readonly notes: readonly string[] }

const FILES = 'com.docker.compose.project.config_files';

/**
 * As with docker compose, what another stack file has brought up under the same name is nobody's here: a command is about the services of its own file, those of profiles that are not active too. The file is loaded only where
 * some container was made from another one; `more`: what is to be said of that. Null: all of the stack is meant, as by `-p` alone, or where there is no file that could say otherwise.
 */
export async function meantServices(stack: string, options: StackOptions, cli: Cli, client: EngineClient, more = ''): Promise<Meant | null> {
  if (options.projectName !== undefined && options.file === undefined) return null;
  const files = filesAtHand(options, cli);
  if (files === null) return null;
  const containers = (await client.containers(stack, true)).filter(({ Bayplan }) => Bayplan.owner === 'stack');
  if (containers.every(({ Labels }) => Labels[FILES] === files.join(','))) return null;
  const { loadSilently } = await import('./stack-file.ts');
  const project = loadSilently(options, cli, {});
  if (project?.name !== stack) return null;
  const own = new Set([...Object.keys(project.services), ...project.inactive]);
  const others = containers.filter(({ Bayplan }) => !own.has(Bayplan.service));
  if (others.length === 0) return null;
  const desired = await desiredOf(stack, client);
  const [named, provided] = [Object.keys(desired?.services ?? {}), Object.keys(desired?.providers ?? {})];
  const ofOwn = (names: readonly string[]): readonly string[] => [...new Set(names)].filter((service) => own.has(service)).sort();
  return { services: ofOwn([...containers.map(({ Bayplan }) => Bayplan.service), ...named]), providers: ofOwn(provided), notes: [`note: what is not in this stack file stays as it is: ${others.map(nameOf).sort().join(', ')}${more}`] };
}

/** Null: nothing is known of the stack but its containers. */
async function desiredOf(stack: string, client: EngineClient): Promise<Desired | null> {
  try {
    return (await client.stack(stack)).desired;
  } catch (error) {
    if (error instanceof BayplanError && error.code === 'not-found') return null;
    throw error;
  }
}

/** Null: there is none, or it can be read once only. */
function filesAtHand(options: StackOptions, cli: Cli): readonly string[] | null {
  try {
    const files = stackFilesOf(options, cli);
    return files.includes(STANDARD_INPUT) ? null : files;
  } catch (error) {
    if (error instanceof BayplanError && error.code === 'no-file') return null;
    throw error;
  }
}
