import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';

/** What is to be done with a container's files (native/README.md, "archive"). Paths are the container's. */
export type ArchiveRequest =
  | { readonly verb: 'stat'; readonly path: string }
  /** As a tar archive; `name`: what the path is called there. */
  | { readonly verb: 'get'; readonly path: string; readonly name: string }
  /** The tar archive in `input` into the folder `path`. `keepKinds`: nothing takes a folder's place but a folder. `owner`: whose all becomes; '': as the archive says. */
  | { readonly verb: 'put'; readonly path: string; readonly keepKinds: boolean; readonly owner: string }
  /** What `input` names, each name below `path` with a NUL behind it, goes; whole folders too, but for what is mounted there. */
  | { readonly verb: 'remove'; readonly path: string }
  /** The whole root, without what is mounted there. */
  | { readonly verb: 'export' };

/** What is at a path of a container; a link at its end is not followed. */
export const PathStat = z.object({
  version: z.literal(1), size: z.number(), /** st_mode. */ mode: z.int(), /** Seconds since the epoch. */ mtime: z.number(), nanoseconds: z.int(),
  /** Where a link leads, below the container's root. */ target: z.string(),
});
export type PathStat = z.infer<typeof PathStat>;

export interface ArchiveStreams {
  readonly input?: Readable;
  /** Asked for once it is known what is there (null for `export`): where the archive goes. */
  readonly output?: (stat: PathStat | null) => Writable;
  readonly signal: AbortSignal;
}

const Failure = z.object({ error: z.string(), errno: z.int() });
const CODES: Readonly<Record<number, string>> = { 2: 'not-found', 20: 'bad-request', 21: 'bad-request', 40: 'bad-request', 30: 'forbidden', 16: 'conflict', 28: 'disk-full' };

/** Runs `bayplan-core archive` on a container, found by `where`. Rejects with `not-found` for a path that is not there, `forbidden` for one that cannot be written to. */
export async function runArchive(core: string, where: readonly string[], request: ArchiveRequest, { input, output, signal }: ArchiveStreams): Promise<PathStat | null> {
  const child = spawn(core, ['archive', request.verb, ...argumentsOf(request), ...where], { stdio: ['pipe', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL', env: { PATH: '/usr/bin:/bin' } });
  const { stdin, stdout, stderr } = child;
  let told = '';
  stderr.on('data', (chunk: Buffer) => { told += chunk.toString(); });
  const ended = closeOf(child);
  ended.catch(() => undefined); // awaited below
  if (input === undefined) stdin.end();
  else send(input, child);
  const head = request.verb === 'stat' || request.verb === 'get' ? await firstLine(stdout) : null;
  const stat = head === null ? null : PathStat.parse(JSON.parse(head));
  let failure: unknown = null;
  if (output !== undefined && (stat !== null || request.verb === 'export')) await pipeline(stdout, output(stat), { signal, end: false }).catch((error: unknown) => { failure = error; child.kill('SIGKILL'); });
  else stdout.resume();
  const code = await ended;
  if (code !== 0 && told !== '') throw failureOf(told);
  if (failure !== null) throw failure;
  if (code !== 0) throw new BayplanError('archive-failed', `the archive was cut off: bayplan-core archive ended with ${code}`);
  return stat;
}

/** Where the core has ended before all was sent, what is left is read and dropped: with its end the sender would lose the answer too. */
function send(input: Readable, child: ChildProcessWithoutNullStreams): void {
  child.stdin.on('error', () => { // it has ended, and says why
    input.unpipe(child.stdin);
    input.resume();
  });
  input.once('error', () => child.kill('SIGKILL'));
  input.pipe(child.stdin);
}

function argumentsOf(request: ArchiveRequest): readonly string[] {
  switch (request.verb) {
    case 'stat': return ['--path', request.path];
    case 'get': return ['--path', request.path, '--name', request.name];
    case 'put': return ['--path', request.path, ...(request.keepKinds ? ['--keep-kinds'] : []), ...(request.owner === '' ? [] : ['--owner', request.owner])];
    case 'remove': return ['--path', request.path];
    case 'export': return ['--path', '/'];
  }
}

async function closeOf(child: ChildProcess): Promise<number> {
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 137));
  });
}

/** Null: the stream has ended before. */
async function firstLine(stream: Readable): Promise<string | null> {
  let line = Buffer.alloc(0);
  for (;;) {
    const chunk = stream.read() as Buffer | null; // of a stream without an encoding
    if (chunk === null) {
      if (stream.readableEnded || stream.destroyed) return null;
      await Promise.race([once(stream, 'readable'), once(stream, 'end'), once(stream, 'close')]);
      continue;
    }
    line = Buffer.concat([line, chunk]);
    const end = line.indexOf(10);
    if (end < 0) continue;
    stream.unshift(line.subarray(end + 1));
    return line.subarray(0, end).toString();
  }
}

function failureOf(told: string): BayplanError {
  const parsed = Failure.safeParse(jsonOf(told.split('\n', 1)[0] ?? ''));
  if (!parsed.success) return new BayplanError('archive-failed', told.trim());
  return new BayplanError(CODES[parsed.data.errno] ?? 'bad-archive', parsed.data.error);
}

/** Null: it is none. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
