import { VolumeClient } from '../client/volume-client.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import type { Invoked } from './list-options.ts';

export function volumesOf(command: Invoked, cli: Cli): VolumeClient {
  return new VolumeClient(clientOf(command.optsWithGlobals<{ readonly root?: string }>(), cli));
}
