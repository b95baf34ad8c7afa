import { InvalidArgumentError } from 'commander';
import { BayplanError } from '../state/bayplan-error.ts';
import type { State } from '../state/state.ts';
import { EngineClient } from '../client/engine-client.ts';
import { EngineAbsent } from '../client/errors.ts';
import { addFileOptions, rootOf, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';

const FORMATS = ['dot', 'mermaid', 'svg', 'json'] as const;
type Format = (typeof FORMATS)[number];

interface GraphOptions extends StackOptions { readonly format: Format; readonly output?: string }

export const addGraph: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('graph').description('draw the stack: services, networks, volumes, what depends on what, and in which state they are'))
    .option('--format <format>', `${FORMATS.join(', ')} (default: as the output file ends, else mermaid)`, format)
    .option('-o, --output <file>', 'write it there')
    .action(ends(async (_own: GraphOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<GraphOptions>();
      const { desiredOf, loadProject } = await import('./stack-file.ts');
      const { graphOf } = await import('./graph-model.ts');
      const { dotText, mermaidText, svgText } = await import('./graph-text.ts');
      const project = loadProject(options, cli);
      const root = rootOf(options, cli);
      const graph = graphOf(desiredOf(project, { removeOrphans: false }), await statesOf(project.name, new EngineClient(root, null, cli.socketOf(root))));
      const texts = { dot: dotText, mermaid: mermaidText, svg: svgText, json: () => `${JSON.stringify(graph, null, 2)}\n` };
      const text = await texts[options.format ?? formatOf(options.output)](graph);
      if (options.output === undefined) cli.stdout.write(text);
      else await write(options.output, text, cli.cwd);
      return 0;
    }));
};

/** What is there; null where no engine runs: a picture is no reason to start one. */
async function statesOf(stack: string, client: EngineClient): Promise<State | null> {
  try {
    return (await client.stack(stack)).actual;
  } catch (error) {
    if (error instanceof EngineAbsent || error instanceof BayplanError && error.code === 'not-found') return null;
    throw error;
  }
}

async function write(file: string, text: string, folder: string): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  const { resolve } = await import('node:path');
  await writeFile(resolve(folder, file), text).catch((error: unknown) => {
    throw new BayplanError('unwritable', `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
  });
}

function format(text: string): Format {
  const known = FORMATS.find((one) => one === text);
  if (known === undefined) throw new InvalidArgumentError(`Expected ${FORMATS.join(', ')}.`);
  return known;
}

function formatOf(output: string | undefined): Format {
  const ending = /\.([^./]+)$/.exec(output ?? '')?.[1];
  return ending === 'mmd' || ending === 'md' ? 'mermaid' : ending === 'gv' ? 'dot' : (FORMATS.find((one) => one === ending) ?? 'mermaid');
}
