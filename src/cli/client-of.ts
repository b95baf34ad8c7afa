import { EngineClient } from '../client/engine-client.ts';
import type { Cli } from './cli.ts';
import { rootOf } from './options.ts';

/** A client that starts the engine where none runs. */
export function clientOf(options: { readonly root?: string }, cli: Cli): EngineClient {
  return new EngineClient(rootOf(options, cli), cli.program);
}
