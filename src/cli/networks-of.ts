import { NetworkClient } from '../client/network-client.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import type { Invoked } from './list-options.ts';

export function networksOf(command: Invoked, cli: Cli): NetworkClient {
  return new NetworkClient(clientOf(command.optsWithGlobals<{ readonly root?: string }>(), cli));
}
