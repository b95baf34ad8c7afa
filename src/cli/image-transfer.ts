import type { TransferLine } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { PartState } from '../state/messages.ts';
import type { Cli } from './cli.ts';
import type { LivePass } from './live-pass.ts';
import type { StackOptions } from './options.ts';
import { printable } from './printable.ts';
import type { ProgressMode } from './progress-mode.ts';

/**
 * The images that arguments mean, in order of their names: a service of the stack file by its name, else an image. Without arguments those of all services; then there has to be
 * a stack file. `dependencies`: of what the services depend on too. With the pull policies of the services that have them, '' for none and for an image that is named itself.
 */
export async function imagesMeant(names: readonly string[], options: StackOptions, cli: Cli, dependencies = false): Promise<ReadonlyMap<string, readonly string[]>> {
  if (names.includes('')) throw new BayplanError('bad-reference', 'image "" has no name: name a service or an image');
  const services = await servicesOf(options, cli, names);
  const meant = new Set<string>();
  const take = (name: string): void => {
    if (meant.has(name)) return;
    meant.add(name);
    if (dependencies) services[name]?.needs.forEach(take);
  };
  (names.length === 0 ? Object.keys(services) : names).forEach(take);
  const images = new Map<string, string[]>();
  for (const name of meant) {
    const { image, policy } = services[name] ?? { image: name, policy: '' };
    if (image !== '') images.set(image, [...(images.get(image) ?? []), policy]);
  }
  return new Map([...images].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Service { readonly image: string; readonly policy: string; readonly needs: readonly string[] }

async function servicesOf(options: StackOptions, cli: Cli, names: readonly string[]): Promise<Readonly<Record<string, Service>>> {
  const { loadProject } = await import('./stack-file.ts');
  try {
    const { services } = loadProject(options, cli, { named: names });
    return Object.fromEntries(Object.entries(services).map(([name, { image = '', pull_policy: policy = '', depends_on }]) => [name, { image, policy, needs: Object.keys(depends_on ?? {}) }]));
  } catch (error) {
    if (names.length > 0 && options.file === undefined && error instanceof BayplanError && error.code === 'no-file') return {};
    throw error;
  }
}

/** What the engine's words for a layer on its way mean; all others stand for a layer that is settled. */
const STATES: Readonly<Record<string, PartState>> = {
  'Pulling fs layer': 'waiting', Downloading: 'downloading', Extracting: 'unpacking', Preparing: 'waiting', Pushing: 'uploading',
};

function stateOf(status: string): PartState {
  return status.startsWith('Retrying: ') ? 'retrying' : (STATES[status] ?? 'done');
}

/**
 * Transfers images at the same time, a line for each thing that happens (`json`: the engine's words, with the image), `namesOnly`: its name, once it is done; on a terminal, what is on
 * its way is drawn below them. All are tried, and the exit status is 1 where one failed.
 */
export async function transferAll(images: readonly string[], transfer: (image: string) => AsyncIterable<TransferLine>, { mode, namesOnly }: { readonly mode: ProgressMode; readonly namesOnly: boolean }, cli: Cli): Promise<number> {
  const live = namesOnly ? null : await livePass(mode, cli);
  const print = (text: string): void => live === null ? void cli.stdout.write(text) : live.print(text);
  const failures: string[] = [];
  await Promise.all(images.map(async (image) => {
    const tell = teller(image, mode, live, print);
    try {
      live?.begin(image);
      for await (const line of transfer(image)) if (!namesOnly) tell(line);
      if (namesOnly && mode !== 'quiet') print(`${image}\n`);
    } catch (error) {
      if (!(error instanceof Error && error.name === 'BayplanError')) throw error;
      failures.push(printable(error.message));
    } finally {
      live?.drop(image);
    }
  })).finally(() => live?.close());
  for (const message of failures) cli.stderr.write(`bayplan: ${message}\n`);
  return failures.length === 0 ? 0 : 1;
}

/** Says what happens to one image; nothing twice in a row. */
function teller(image: string, mode: ProgressMode, live: LivePass | null, print: (text: string) => void): (line: TransferLine) => void {
  if (mode === 'quiet') return () => undefined;
  if (mode === 'json') return (line) => print(`${JSON.stringify({ image, ...line })}\n`);
  let last = '';
  return ({ status, id, progressDetail }) => {
    if (id !== undefined && /^[0-9a-f]{12}$/.test(id)) live?.part(image, id, stateOf(status), progressDetail);
    const text = `${image}: ${id === undefined ? '' : `${id}: `}${status}\n`;
    const drawn = ['Downloading', 'Pushing'].includes(status) || (live !== null && STATES[status] !== undefined);
    if (status !== '' && !drawn && text !== last) print(last = text);
  };
}

async function livePass(mode: ProgressMode, cli: Cli): Promise<LivePass | null> {
  const { isLive, livePassOn } = await import('./pass-view.ts');
  return isLive(mode, cli) ? livePassOn(cli) : null;
}
