import type { TransferLine } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import type { StackOptions } from './options.ts';

/**
 * The images that arguments mean: a service of the stack file by its name, else an image. Without arguments those of all services; then there has to be
 * a stack file.
 */
export async function imagesMeant(names: readonly string[], options: StackOptions, cli: Cli): Promise<readonly string[]> {
  const services = await servicesOf(options, cli, names.length === 0);
  const images = names.length === 0 ? Object.values(services) : names.map((name) => services[name] ?? name);
  return [...new Set(images.filter((image) => image !== ''))].sort();
}

async function servicesOf(options: StackOptions, cli: Cli, needed: boolean): Promise<Readonly<Record<string, string>>> {
  const { loadProject } = await import('./stack-file.ts');
  try {
    const { services } = loadProject(options, cli);
    return Object.fromEntries(Object.entries(services).map(([name, { image = '' }]) => [name, image]));
  } catch (error) {
    if (!needed && options.file === undefined && error instanceof BayplanError && error.code === 'no-file') return {};
    throw error;
  }
}

/** Transfers images at the same time, a line for each thing that happens; all are tried, and the exit status is 1 where one failed. */
export async function transferAll(images: readonly string[], transfer: (image: string) => AsyncIterable<TransferLine>, quiet: boolean, cli: Cli): Promise<number> {
  const failures = await Promise.all(images.map(async (image) => {
    try {
      let last = '';
      for await (const { status, id } of transfer(image)) {
        const line = `${image}: ${id === undefined ? '' : `${id}: `}${status}\n`;
        if (!quiet && status !== '' && !['Downloading', 'Pushing'].includes(status) && line !== last) cli.stdout.write(last = line);
      }
      if (quiet) cli.stdout.write(`${image}\n`);
      return 0;
    } catch (error) {
      if (!(error instanceof Error && error.name === 'BayplanError')) throw error;
      cli.stderr.write(`bayplan: ${error.message}\n`);
      return 1;
    }
  }));
  return failures.includes(1) ? 1 : 0;
}
