// Runs as a program, once a boot: tells what there is of the stack after the power cut before, does what it is told, and cuts the power amid it or as it ends.
// Prints a fact a line, each outside once it is printed; what they should be is said by power-cut-machine.ts.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, watch, writeFileSync, writeSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import koffi from 'koffi';
import type { PlanAnswer, RevisionAnswer, StackAnswer } from '../../src/state/messages.ts';
import { pathsOf } from '../../src/state/paths.ts';

/** `up` makes the stack what it is at a revision, `hold` stops a service that is always restarted, `release` starts it again, `remove` takes it down with its volumes. */
export type Verb = 'load' | 'up' | 'down' | 'hold' | 'release' | 'remove';
export interface Command { readonly verb: Verb; readonly revision: number }

/**
 * What a boot does: all of `commands`, of which the last is cut off: so many ms after its begin; as soon as it has told of its success; as soon as the one-shot service has done its work, before the engine can know; or as soon
 * as who depends on that runs.
 */
export interface Task {
  readonly boot: number;
  /** What the stack may be found to be at first, as `textOf` says it. */
  readonly expected: readonly string[];
  readonly commands: readonly Command[];
  readonly cutAt: number | 'end' | 'migrated' | 'app starts';
  readonly cuts: boolean;
}

export interface Place {
  readonly root: string;
  /** In memory: where containers tell what they have synced. */
  readonly marks: string;
  /** A file system of ext4 that is made to end as by a power cut; null: the machine is restarted. */
  readonly disk: string | null;
}

export interface Ended { readonly code: number; readonly output: string; readonly ms: number }
export interface Standing { readonly revision: string; readonly phase: string; readonly exitCode: number; readonly held: boolean; readonly finishedAt: number }
/** Of the stack: `revision` null where there is none. */
export interface Look { readonly revision: number | null; readonly containers: Readonly<Record<string, Standing>> }

export interface Found {
  readonly type: 'found';
  readonly look: Look;
  readonly text: string;
  readonly ms: number;
  readonly history: readonly number[];
  /** Steps that `up` of the same file would take. */
  readonly plan: readonly string[];
  readonly events: readonly string[];
  readonly log: readonly string[];
  /** Names below the root folder. */
  readonly files: readonly string[];
  readonly engineLog: string;
}

export type Fact =
  | Found
  | { readonly type: 'begin'; readonly command: Command }
  | { readonly type: 'end'; readonly command: Command; readonly ended: Ended }
  | { readonly type: 'cut'; readonly mark: number; readonly look: Look | null; readonly now: number };

const task = JSON.parse(process.argv[2] ?? '') as Task;
const place = JSON.parse(process.argv[3] ?? '') as Place;
/** A virtual machine by plain emulation is slow. */
const SETTLE_MS = place.disk === null ? 240_000 : 60_000;
const paths = pathsOf(place.root);
const engineLog = join(place.marks, '../engine.log');
const shared = ['-f', 'test/root/power-cuts.yaml'];

mkdirSync(place.marks, { recursive: true });
writeFileSync(join(place.marks, 'boot'), String(task.boot));
await startEngine();
await tellWhatIsThere(task.expected);
for (const [i, command] of task.commands.entries()) {
  tell({ type: 'begin', command });
  const isLast = i === task.commands.length - 1 && task.cuts;
  const ended = await runs(command, isLast ? task.cutAt : 'end');
  if (ended === null) break;
  tell({ type: 'end', command, ended });
}
await (task.cuts ? cut() : tellWhatIsThere(['']));

/** As a server's own unit does, which waits as long as it takes. It brings the stack back. */
async function startEngine(): Promise<void> {
  const log = openSync(engineLog, 'w');
  spawn(process.execPath, ['build/bayplan.cjs', '--root', place.root, 'engine', 'run'], { detached: true, stdio: ['ignore', log, log] }).unref();
  closeSync(log);
  for (const end = Date.now() + SETTLE_MS; !await ask('GET', '/_ping').then(() => true, () => false);) {
    if (Date.now() > end) throw new Error(`the engine does not answer: ${readFileSync(engineLog, 'utf8')}`);
    await pause(20);
  }
}

async function tellWhatIsThere(expected: readonly string[]): Promise<void> {
  const begin = Date.now();
  const seen = await settledLook(expected);
  const ms = Date.now() - begin;
  const { history, plan } = seen.revision === null ? { history: [], plan: [] } : await ofTheStack();
  tell({
    type: 'found', look: seen, text: textOf(seen), ms, history, plan,
    events: lines('cuts_notes', 'events'), log: lines('cuts_data', 'log'), files: await settledFiles(seen.revision === null), engineLog: readFileSync(engineLog, 'utf8'),
  });
}

async function settledLook(expected: readonly string[]): Promise<Look> {
  for (const end = Date.now() + SETTLE_MS; ;) {
    const seen = await look();
    if (expected.includes(textOf(seen)) || Date.now() > end) return seen;
    await pause(100);
  }
}

/** What each container is of and does. One that is held has ended, be it with the machine before its stop was through. */
function textOf({ revision, containers }: Look): string {
  if (revision !== null && Object.keys(containers).length === 0) return 'no containers';
  return Object.entries(containers).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { revision, phase, exitCode, held }]) => `${name} ${revision} ${held && phase === 'lost' ? 'exited' : phase}${phase === 'running' ? '' : ` ${exitCode}`}${held ? ' held' : ''}`).join(', ');
}

async function look(): Promise<Look> {
  const answers = JSON.parse(await ask('GET', '/stacks')) as readonly StackAnswer[];
  if (!answers.some(({ name }) => name === 'cuts')) return { revision: null, containers: {} };
  const answer = await ask('GET', '/stacks/cuts').catch((error: unknown) => {
    if (error instanceof Error && error.message.includes('no such stack')) return null; // a `down` that a boot goes on with has just ended
    throw error;
  });
  if (answer === null) return { revision: null, containers: {} };
  const { revision, actual } = JSON.parse(answer) as StackAnswer;
  return {
    revision,
    containers: Object.fromEntries(Object.entries(actual.containers).flatMap(([name, { spec, status }]) => (status === null ? [] : [[name, {
      revision: spec.environment['REVISION'] ?? '', phase: status.phase, exitCode: status.exitCode, held: status.held, finishedAt: status.finishedAt,
    }]]))),
  };
}

async function ofTheStack(): Promise<Pick<Found, 'history' | 'plan'>> {
  const revisions = JSON.parse(await ask('GET', '/stacks/cuts/revisions')) as readonly RevisionAnswer[];
  const { source, desired } = JSON.parse(await ask('GET', '/stacks/cuts')) as StackAnswer;
  const { plan } = JSON.parse(await ask('POST', '/stacks/cuts/plan', { version: 1, base: null, source, desired })) as PlanAnswer;
  return { history: revisions.map(({ revision }) => revision), plan: plan.steps.map(({ id }) => id) };
}

/** Null: its moment has come. */
async function runs({ verb, revision }: Command, until: Task['cutAt']): Promise<Ended | null> {
  const args: Record<Verb, readonly string[]> = {
    load: ['load', 'build/images/hello.tar'], up: ['up', '-d', ...shared], down: ['down', '-t', '0', ...shared], remove: ['down', '-v', '-t', '0', ...shared],
    hold: ['stop', '-t', '0', ...shared, 'app'], release: ['start', ...shared, 'app'],
  };
  const moment = typeof until === 'number' || until === 'end' ? null : marked(until);
  const begin = Date.now();
  const child = spawn(process.execPath, ['build/bayplan.cjs', '--root', place.root, ...args[verb]], { env: { ...process.env, NO_COLOR: '1', REVISION: String(revision), MARKS: place.marks }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text; });
  const ended = new Promise<Ended>((resolve) => child.once('exit', (code) => resolve({ code: code ?? -1, output, ms: Date.now() - begin })));
  if (moment !== null) return await Promise.race([ended, moment]);
  if (typeof until !== 'number') return await ended;
  const quicker = ended.then(async (result) => {
    tell({ type: 'end', command: { verb, revision }, ended: result });
    await pause(Math.max(0, until - (Date.now() - begin)));
  });
  await Promise.race([quicker, pause(until)]);
  return null;
}

/** Resolves as soon as a container tells of it. */
function marked(what: string): Promise<null> {
  const name = what.replace(' ', '-');
  rmSync(join(place.marks, name), { force: true });
  return new Promise((resolve) => {
    const watcher = watch(place.marks, (_event, changed) => {
      if (changed !== name) return;
      watcher.close();
      resolve(null);
    });
  });
}

async function cut(): Promise<never> {
  const seen = typeof task.cutAt === 'number' ? await Promise.race([look(), pause(1000).then(() => null)]) : null; // at once
  const last = join(place.marks, 'last');
  tell({ type: 'cut', mark: existsSync(last) ? Number(readFileSync(last, 'utf8')) : 0, look: seen, now: Date.now() });
  if (place.disk === null) writeFileSync('/proc/sysrq-trigger', 'b');
  else shutDown(place.disk);
  return await new Promise(() => setInterval(() => undefined, 1000));
}

/** EXT4_IOC_SHUTDOWN without flushing its log: what is not on the disk by now never will be. */
function shutDown(folder: string): void {
  const ioctl = koffi.load('libc.so.6').func('int ioctl(int fd, unsigned long request, uint32_t *flags)');
  const fd = openSync(folder, 'r');
  if (ioctl(fd, 0x8004587d, [2]) !== 0) throw new Error(`the file system at ${folder} could not be shut down`);
}

function tell(fact: Fact): void {
  writeSync(1, `${JSON.stringify(fact)}\n`);
}

function lines(volume: string, name: string): readonly string[] {
  const path = join(paths.volumes, volume, '_data', name);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
}

/** Of a stack that has gone the contents go right after its record. */
async function settledFiles(gone: boolean): Promise<readonly string[]> {
  for (const end = Date.now() + 10_000; ;) {
    const seen = files();
    if (!gone || Date.now() > end || !seen.some((name) => /^contents\/[0-9a-f]{64}$/.test(name))) return seen;
    await pause(100);
  }
}

/** But for what images and containers hold. */
function files(folder = paths.root, below = ''): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = below + entry.name;
    if (!entry.isDirectory() || /^(layers\/.*|images\/blobs|containers\/[^/]+\/.*|volumes\/[^/]+\/_data|lost\+found)$/.test(name)) return [name];
    return [`${name}/`, ...files(join(folder, entry.name), `${name}/`)];
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function ask(method: string, path: string, body?: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ agent: false, socketPath: paths.socket, path, method, headers: { 'content-type': 'application/json' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('error', reject)
        .on('end', () => ((response.statusCode ?? 500) < 300 ? resolve(text) : reject(new Error(`${method} ${path}: ${text}`))));
    }).on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}
