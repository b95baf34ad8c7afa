import { EngineClient } from '../client/engine-client.ts';
import type { Cli } from './cli.ts';
import { rootOf } from './options.ts';

/** A client that starts the engine where none runs; with `starting` false its calls reject with EngineAbsent instead. */
export function clientOf(options: { readonly root?: string }, cli: Cli, starting = true): EngineClient {
  const root = rootOf(options, cli);
  return new EngineClient(root, starting ? cli.program : null, cli.socketOf(root));
}
