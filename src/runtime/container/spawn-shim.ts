import { BayplanError } from '../../state/bayplan-error.ts';
import { foreignArguments } from '../foreign/foreign-arguments.ts';
import type { ForeignRuntime } from '../foreign/runtimes.ts';
import type { Kernel } from '../kernel.ts';
import { partsText, type PendingAttachment } from './attachment.ts';
import type { ContainerFiles } from './bundle-files.ts';
import type { ContainerContext } from './container-context.ts';
import { FailedLine, ReadyLine } from './record.ts';
import { ShimClient } from './shim-client.ts';

export interface ShimOptions {
  readonly zones: readonly string[];
  /** Nameservers that other names are forwarded to; none: the host's. */
  readonly nameservers: readonly string[];
  /** Alias → name: what this container calls others. */
  readonly links: Readonly<Record<string, string>>;
  /** Forward no names: every network of the container is internal. */
  readonly internal: boolean;
  /** /dev/null: nowhere, and then without a limit. */
  readonly log: string;
  readonly logMax: number;
  readonly logFiles: number;
  /** As JSON; null: no server gets the output. */
  readonly syslog: string | null;
  /** Folders on which something is mounted on the host for as long as the container lives. */
  readonly mounted: readonly string[];
  /** Runtime that makes the container; null: the core itself. */
  readonly foreign: ForeignRuntime | null;
  /** What becomes of its stdin: nobody can write to it; it stays open; it ends with the first who ends it. */
  readonly stdin: 'none' | 'open' | 'once';
  /** Namespaces that config.json names as `namespaceAt` says: descriptors, lent for the start. */
  readonly namespaces: readonly number[];
  /** Connections that are its stdio from its first byte on. */
  readonly attachments: readonly PendingAttachment[];
}

/** A container's process that could not be started. `exitCode` is 126 or 127 as a shell gives them, else 125. */
export class StartError extends BayplanError {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super('start-failed', message);
    this.name = 'StartError';
    this.exitCode = exitCode;
  }
}

/** Where the shim finds the `index`th of the namespaces that it is lent: a path through this engine's /proc would be gone with the engine. */
export function namespaceAt(index: number): string {
  return `/proc/self/fd/${FIRST_NAMESPACE + index}`;
}

export interface StartedShim { readonly ready: ReadyLine; readonly shim: ShimClient }

/** Starts a shim on a written bundle and waits until the container's process has exec'd. Throws StartError, or `shim-gone` where the shim was killed. */
export async function spawnShim({ kernel, nursery }: Pick<ContainerContext, 'kernel' | 'nursery'>, name: string, image: string, files: ContainerFiles, options: ShimOptions): Promise<StartedShim> {
  const lock = await lockOf(kernel, name, files);
  const [ours, theirs] = kernel.socketPair();
  const firstAttachment = FIRST_NAMESPACE + options.namespaces.length;
  const argv = [
    'bayplan-core', 'shim', '--bundle', files.bundle, '--exit-file', files.exit,
    '--log', options.log, '--log-max', String(options.logMax), '--log-files', String(options.logFiles), ...(options.syslog === null ? [] : ['--syslog', options.syslog]),
    ...options.zones.flatMap((zone) => ['--dns', zone]), ...(options.internal ? ['--dns-internal'] : []),
    ...options.nameservers.flatMap((address) => ['--dns-server', address]),
    ...Object.entries(options.links).flatMap(([alias, name]) => ['--dns-link', `${alias.toLowerCase()}=${name.toLowerCase()}`]),
    ...options.mounted.flatMap((folder) => ['--unmount', folder]), ...(options.foreign === null ? [] : foreignArguments(options.foreign, files)), '--control-fd', '3', '--lock-fd', '4', '--detached', ...(options.stdin === 'none' ? [] : ['--stdin', options.stdin]),
    ...options.namespaces.flatMap((_, index) => ['--namespace-fd', String(FIRST_NAMESPACE + index)]),
    ...options.attachments.flatMap(({ parts }, index) => ['--attach-fd', `${firstAttachment + index}:${partsText(parts)}`]),
  ];
  const descriptors = new Map([[3, theirs], [4, lock], ...[...options.namespaces, ...options.attachments.map(({ fd }) => fd)].map((fd, index) => [FIRST_NAMESPACE + index, fd] as const)]);
  const shim = ShimClient.of(ours);
  const line = shim.firstLine();
  line.catch(() => undefined); // told below, unless the shim could not be spawned at all
  try {
    await nursery.start(argv, descriptors);
  } catch (error) {
    shim.close();
    throw error;
  } finally {
    kernel.close(theirs);
    kernel.close(lock);
  }
  const text = await line.catch((cause: unknown) => {
    throw new BayplanError('shim-gone', `container ${name}: its shim died before the start was done`, { cause });
  });
  const value: unknown = JSON.parse(text);
  const ready = ReadyLine.safeParse(value);
  if (ready.success) return { ready: ready.data, shim };
  shim.close();
  const failed = FailedLine.parse(value);
  throw new StartError(`container ${name} (image ${image}): ${failed.error}`, failed.exitCode ?? 125);
}

/** The lock of the bundle. The shim of the run before lets go of it a moment after it has said that it ends. */
async function lockOf(kernel: Kernel, name: string, files: ContainerFiles): Promise<number> {
  for (let waited = 0; ; waited += WAIT_MS) {
    const lock = kernel.lock(files.lock);
    if (lock !== null) return lock;
    if (waited > GIVE_UP_MS) throw new BayplanError('conflict', `container ${name}: it is running already`);
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
}

const FIRST_NAMESPACE = 5;
const WAIT_MS = 5;
const GIVE_UP_MS = 2000;
