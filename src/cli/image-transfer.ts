import type { TransferLine } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import type { StackOptions } from './options.ts';

/**
 * The images that arguments mean: a service of the stack file by its name, else an image. Without arguments those of all services; then there has to be
 * a stack file. `dependencies`: of what the services depend on too.
 */
export async function imagesMeant(names: readonly string[], options: StackOptions, cli: Cli, dependencies = false): Promise<readonly string[]> {
  const services = await servicesOf(options, cli, names.length === 0);
  const meant = new Set<string>();
  const take = (name: string): void => {
    if (meant.has(name)) return;
    meant.add(name);
    if (dependencies) services[name]?.needs.forEach(take);
  };
  (names.length === 0 ? Object.keys(services) : names).forEach(take);
  const images = [...meant].map((name) => services[name]?.image ?? name);
  return [...new Set(images.filter((image) => image !== ''))].sort();
}

async function servicesOf(options: StackOptions, cli: Cli, needed: boolean): Promise<Readonly<Record<string, { readonly image: string; readonly needs: readonly string[] }>>> {
  const { loadProject } = await import('./stack-file.ts');
  try {
    const { services } = loadProject(options, cli);
    return Object.fromEntries(Object.entries(services).map(([name, { image = '', depends_on }]) => [name, { image, needs: Object.keys(depends_on ?? {}) }]));
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
