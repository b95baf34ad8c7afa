import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ImageStatus } from '../../state/image.ts';
import type { Paths } from '../../state/paths.ts';
import { foreignArguments } from '../foreign/foreign-arguments.ts';
import { foreignProcess } from '../foreign/foreign-bundle.ts';
import { identityIn } from '../foreign/prepare.ts';
import type { ForeignRuntime } from '../foreign/runtimes.ts';
import type { Kernel } from '../kernel.ts';
import type { Nursery } from '../nursery.ts';
import type { ContainerFiles } from './bundle-files.ts';
import type { ConsoleSize, ExecProcess, ExecRequest } from './containers.ts';
import { hostnameOf } from './endpoint.ts';
import { ENDS, type ExecStdio, execStdio } from './exec-stdio.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { OciProcess } from './oci.ts';
import { execProcess } from './process.ts';
import { FailedLine, type ContainerRecord, type ReadyLine } from './record.ts';

const run = promisify(execFile);

/** `bayplan-core remove-cgroup`: kills what is left in a cgroup in every hierarchy and removes it. Nothing there is no error. */
export async function deleteCgroup(core: string, cgroup: string): Promise<void> {
  await run(core, ['remove-cgroup', '--cgroup', cgroup]);
}

/** `bayplan-core limit`: other limits for a container that runs, which it sees. Rejects with what the kernel said. */
export async function limitCgroup(core: string, { files, ready }: Pick<ContainerEntry, 'files' | 'ready'>, resources: object): Promise<void> {
  const file = join(files.bundle, 'resources.json');
  writeFileSync(file, JSON.stringify(resources), { mode: 0o600 });
  await run(core, ['limit', '--cgroup', files.cgroup, '--resources', file, ...(ready === null ? [] : ['--pid', String(ready.pid), '--start-time', String(ready.startTime)])]).catch((error: unknown) => fail('limit-refused', error));
}

/** Throws what the core said of its failure as a BayplanError, or the error itself where it said nothing. */
function fail(code: string, error: unknown): never {
  const stderr = error instanceof Error && 'stderr' in error && typeof error.stderr === 'string' ? error.stderr : '';
  if (!stderr.startsWith('{')) throw error;
  throw new BayplanError(code, FailedLine.parse(JSON.parse(stderr)).error, { cause: error });
}

/**
 * The file with a seccomp profile (OCI `linux.seccomp`) compiled to BPF, made once for each content: compiling takes longer than
 * starting a container.
 */
export async function compiledSeccomp(paths: Paths, core: string, profile: object): Promise<string> {
  const text = JSON.stringify(profile);
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 32);
  const output = join(paths.run, `seccomp-${digest}.bpf`);
  if (existsSync(output)) return output;
  const input = join(paths.run, `seccomp-${digest}-${randomBytes(4).toString('hex')}.json`);
  writeFileSync(input, text, { mode: 0o600 });
  try {
    await run(core, ['seccomp', '--profile', input, '--output', `${input}.bpf`]).catch((error: unknown) => fail('bad-request', error));
    await rename(`${input}.bpf`, output);
  } finally {
    rmSync(input, { force: true });
  }
  return output;
}

export interface ExecTarget {
  readonly kernel: Kernel;
  readonly nursery: Nursery;
  readonly core: string;
  readonly record: ContainerRecord;
  readonly files: ContainerFiles;
  readonly ready: ReadyLine;
  readonly image: ImageStatus;
  /** Compiled seccomp program of the container, null: none. */
  readonly seccompBpf: string | null;
  /** AppArmor profile of containers that name none; empty: none. */
  readonly apparmor: string;
}

/** Starts `bayplan-core enter`: a process joined to the container, its stdio piped to us. */
export async function runExec({ kernel, nursery, record, files, ready, image, seccompBpf, apparmor }: ExecTarget, request: ExecRequest): Promise<ExecProcess> {
  const process = execProcess(record.spec, image, request, hostnameOf(record), apparmor);
  return await execThrough({ kernel, nursery }, ['enter', '--pid', String(ready.pid), '--start-time', String(ready.startTime), '--cgroup', files.cgroup, ...(seccompBpf === null ? [] : ['--seccomp', seccompBpf])], files, process, request);
}

/** The same by the runtime that runs the container; `root`: where its root is on the host. */
export async function runForeignExec({ kernel, nursery, core, record, files, image, apparmor }: ExecTarget, foreign: ForeignRuntime, root: string, request: ExecRequest): Promise<ExecProcess> {
  const process = execProcess(record.spec, image, request, hostnameOf(record), apparmor);
  const named = foreignProcess(process, await identityIn(core, root, process.annotations ?? {}));
  return await execThrough({ kernel, nursery }, ['runtime-exec', ...foreignArguments(foreign, files), '--work', files.bundle], files, named, request);
}

/** Not by Node's own spawn, which forks: with a large heap that holds all else up for milliseconds, and health checks come by dozens a second. */
async function execThrough({ kernel, nursery }: Pick<ExecTarget, 'kernel' | 'nursery'>, how: readonly string[], files: ContainerFiles, process: OciProcess, { tty, detached = false }: Pick<ExecRequest, 'tty' | 'detached'>): Promise<ExecProcess> {
  const refused = (error: unknown): BayplanError => new BayplanError('exec-failed', `bayplan-core could not be started: ${error instanceof Error ? error.message : String(error)}`, { retryable: true });
  let stdio: ExecStdio;
  try {
    stdio = execStdio(kernel, { tty, detached });
  } catch (error) {
    throw refused(error); // too many open files, say
  }
  const processFile = join(files.bundle, `exec-${randomBytes(8).toString('hex')}.json`);
  const descriptors = ENDS.flatMap((end, number) => (stdio.theirs[end] === undefined ? [] : [[number, stdio.theirs[end]] as const]));
  const argv = ['bayplan-core', ...how, '--process', processFile, ...(tty ? ['--control-fd', String(ENDS.indexOf('control'))] : []), ...(detached ? ['--started-fd', String(ENDS.indexOf('started'))] : []), '--engine-fd', String(ENDS.indexOf('engine'))];
  try {
    writeFileSync(processFile, JSON.stringify(process), { mode: 0o600 });
    await nursery.start(argv, new Map(descriptors));
  } catch (error) {
    stdio.close();
    rmSync(processFile, { force: true });
    throw refused(error);
  } finally {
    stdio.given();
  }
  const { stdin, stdout, stderr, engine, control } = stdio;
  const exit = stdio.ended().finally(() => rmSync(processFile, { force: true }));
  exit.catch(() => undefined); // it is told to whoever asks for the exit code, which may be later, or nobody
  const tell = (letter: string): void => { if (engine.writable) engine.write(letter); };
  const resize = (size: ConsoleSize): void => { if (control?.writable === true) control.write(`${JSON.stringify({ version: 1, op: 'resize', ...size })}\n`); };
  return { stdin, stdout, stderr, exit, started: stdio.started, kill: () => tell('K'), interrupt: () => tell('I'), resize };
}
