import { askSetAside } from '../client/set-aside.ts';
import type { EngineClient } from '../client/engine-client.ts';
import type { Cli } from './cli.ts';

/** Says on stderr what of a stack (null: of any) the engine cannot read, a line each: it is missing in what a list shows. `from`: a client, or what answers a body. */
export async function tellSetAside(stack: string | null, from: EngineClient | ((path: string) => Promise<string>), cli: Pick<Cli, 'stderr'>): Promise<void> {
  const lines = await askSetAside(stack, typeof from === 'function' ? from : (path) => from.get(path));
  for (const line of lines) cli.stderr.write(`note: ${line}\n`);
}
