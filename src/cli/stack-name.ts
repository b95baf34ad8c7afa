import type { Cli } from './cli.ts';
import type { StackOptions } from './options.ts';
import { projectNameOf } from './project-name.ts';

/** The name of the stack that the options mean; loads its file only where the name cannot be had more cheaply. */
export async function stackNameOf(options: StackOptions, cli: Cli): Promise<string> {
  return await projectNameOf(options, cli, async () => {
    const { loadProject } = await import('./stack-file.ts');
    return loadProject(options, cli).name;
  });
}
