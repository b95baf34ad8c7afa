import { existsSync } from 'node:fs';
import { dockerConfigPath } from '../client/docker-config-path.ts';
import { EngineClient, type FindCredentials } from '../client/engine-client.ts';
import type { Cli } from './cli.ts';
import { rootOf } from './options.ts';

/** A client that starts the engine where none runs; with `starting` false its calls reject with EngineAbsent instead. */
export function clientOf(options: { readonly root?: string }, cli: Cli, starting = true): EngineClient {
  const root = rootOf(options, cli);
  // Loaded where there is something to find: most users have none.
  const credentials: FindCredentials = async (images) => (existsSync(dockerConfigPath(cli.env)) ? (await import('./registry-credentials.ts')).credentialsOf(images, cli) : {});
  return new EngineClient(root, starting ? cli.program : null, cli.socketOf(root), credentials);
}
