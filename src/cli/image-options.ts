import { ImageClient } from '../client/image-client.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import type { Invoked } from './list-options.ts';

export function imagesOf(command: Invoked, cli: Cli): ImageClient {
  return new ImageClient(clientOf(command.optsWithGlobals<{ readonly root?: string }>(), cli));
}
