import { constants } from 'node:os';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { shownOptions } from '../../state/volume-options.ts';
import { runBounded } from '../bounded-process.ts';
import { isAddress, withAddress, type MountRequest } from './mount-options.ts';

/** How long a server has for all attempts together, the look-up of its name included. */
const MOUNT_MS = 14_000;
const UNMOUNT_MS = 5_000;

const Failure = z.looseObject({ error: z.string(), errno: z.int() });
type Failure = z.infer<typeof Failure>;

/** What servers without some version of NFS answer: another may be right. Of version 4 the port may be closed, or the path another one. */
const OTHER_VERSION = new Set(['EPROTONOSUPPORT', 'EINVAL', 'ECONNREFUSED', 'ENOENT', 'EPERM'].map((name) => constants.errno[name as keyof typeof constants.errno]));

/** Mounts what a volume stands for on `target`, by `bayplan-core mount`. Throws BayplanError `mount-failed` (retryable where the server did not answer). */
export async function mountVolume(core: string, name: string, request: MountRequest, target: string): Promise<void> {
  const end = Date.now() + MOUNT_MS;
  const address = request.server === null ? null : await addressOf(name, request.server, end - Date.now());
  let first: string | null = null;
  for (const attempt of request.attempts) {
    const options = address === null ? attempt : withAddress(attempt, address);
    const what = `volume ${name}: ${request.source} (type ${request.type === '' ? 'none' : request.type}, options ${options.length === 0 ? 'none' : shownOptions(options.join(','))})`;
    // By its input: everybody may read a process's arguments, and there may be a password among the options.
    const ended = await runBounded(core, ['mount', '--type', request.type, '--source', request.source, '--target', target, '--options', '-'], Math.max(1, end - Date.now()), options.join(','));
    if (ended === null) throw unanswered(what, request.server);
    if (ended.code === 0) return;
    const failure = failureOf(ended.stderr);
    first ??= `${what} cannot be mounted: ${reasonOf(failure, request.type)}; check type, device and o of its driver_opts`;
    if (!OTHER_VERSION.has(failure.errno)) break;
  }
  throw new BayplanError('mount-failed', first ?? `volume ${name}: nothing to mount`);
}

/** Detaches what is mounted on `target`. Throws BayplanError `unmount-failed`. */
export async function unmountVolume(core: string, target: string): Promise<void> {
  const ended = await runBounded(core, ['umount', '--target', target], UNMOUNT_MS);
  if (ended !== null && ended.code !== 0) throw new BayplanError('unmount-failed', `${target} cannot be unmounted: ${failureOf(ended.stderr).error}`);
  // Past the bound: it is out of the table already, and waits for a server to take what is left to be written.
}

function unanswered(what: string, server: string | null): BayplanError {
  const why = server === null ? 'the mount did not end' : `server ${server} does not answer`;
  return new BayplanError('mount-failed', `${what} cannot be mounted: ${why} (${MOUNT_MS / 1000} s); check that it is up and reachable, and device and addr= of its driver_opts`, { retryable: true });
}

/** As the host looks names up (files, DNS, …), by getent(1): the resolver's own function would hold a thread for as long as a server is silent. */
async function addressOf(name: string, server: string, ms: number): Promise<string> {
  if (isAddress(server)) return server;
  const ended = await runBounded('getent', ['ahosts', server], ms).catch((cause: unknown) => {
    throw new BayplanError('mount-failed', `volume ${name}: getent is needed to look up ${server}: install it (Debian: libc-bin), or give the address as addr= in "o"`, { cause });
  });
  const address = ended?.stdout.split(/\s/, 1)[0] ?? '';
  if (isAddress(address)) return address;
  throw new BayplanError('mount-failed', `volume ${name}: the name of server ${server} cannot be found${ended === null ? ': no name server answers' : ''}; check device and addr= of its driver_opts`, { retryable: true });
}

/** Of what the core says, the kernel's part; the rest stands before it already. */
function reasonOf({ error, errno }: Failure, type: string): string {
  return errno === constants.errno.ENODEV ? `this kernel has no file system "${type}"` : error.replace(/^.*: /, '');
}

function failureOf(text: string): Failure {
  try {
    return Failure.parse(JSON.parse(text));
  } catch {
    return { error: text.trim() === '' ? 'bayplan-core did not end well' : text.trim(), errno: 0 };
  }
}
