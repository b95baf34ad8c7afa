import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { contentBytes, desiredOf, formatMistake, loadStack } from '../../src/stack/index.ts';
import type { PassEvent, StackRequest } from '../../src/state/messages.ts';
import { pathsOf, type Paths } from '../../src/state/paths.ts';
import { containerCgroups, leftovers, processes } from './leftovers.ts';

export const top = new URL('../..', import.meta.url).pathname;
export const build = join(top, 'build');
export const program = join(build, 'bayplan.cjs');

/** A root folder of its own, and an embedded engine on it. */
export class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'bayplan-test-'));
  readonly root: string;
  readonly paths: Paths;
  #engine: Engine | null = null;
  readonly reports: string[] = [];

  /** `root`: a folder of the caller's instead of one below `folder`. */
  constructor(root?: string) {
    this.root = root ?? join(this.folder, 'root');
    this.paths = pathsOf(this.root);
  }

  get engine(): Engine {
    if (this.#engine === null) throw new Error('the engine is not open');
    return this.#engine;
  }

  /** Opens an engine on the root, adopting what runs. */
  async open(options: { logMax?: number } = {}): Promise<Engine> {
    this.#engine = await Engine.open({ root: this.root, build, version: 'test', report: (line) => this.reports.push(line), ...options });
    return this.#engine;
  }

  /** Closes the engine; containers go on. */
  async close(): Promise<void> {
    await this.#engine?.close();
    this.#engine = null;
  }

  /** The engine's end, and all containers', as the machine goes down; answers how many were stopped. */
  async shutDown(): Promise<number> {
    const stopped = await this.engine.shutDown();
    this.#engine = null;
    return stopped;
  }

  /** Loads the image of busybox, made where it is missing. */
  async loadHello(): Promise<void> {
    const archive = execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello', '--out', join(build, 'images')], { encoding: 'utf8' }).trim();
    await this.engine.images.load(createReadStream(archive));
  }

  /** What `up` would send for this stack file. */
  request(text: string, name = 'demo', removeOrphans = false): StackRequest {
    const file = join(this.folder, 'compose.yaml');
    writeFileSync(file, text);
    const { project, mistakes } = loadStack({
      files: [file], workingDir: this.folder, projectName: name, environment: {}, profiles: [], envFiles: null,
      read: (path) => (path === file ? text : existsSync(path) ? readFileSync(path, 'utf8') : null),
    });
    if (project === null) throw new Error(mistakes.map(formatMistake).join('\n'));
    return { version: 1, base: null, from: null, source: { workingDir: this.folder, files: [file] }, desired: desiredOf(project, { removeOrphans }), bytes: contentBytes(project, (path) => (existsSync(path) ? readFileSync(path) : null)) };
  }

  /** Brings a stack up; answers the last event and all step ids that were done. */
  async up(text: string, options: { name?: string; wait?: boolean; removeOrphans?: boolean } = {}): Promise<Outcome> {
    const name = options.name ?? 'demo';
    return gather((onEvent) => this.engine.applyStack(name, this.request(text, name, options.removeOrphans), { wait: options.wait ?? false }, onEvent, new AbortController().signal));
  }

  async down(options: { name?: string; volumes?: boolean; stopTimeoutSeconds?: number | null } = {}): Promise<Outcome> {
    return gather((onEvent) => this.engine.removeStack(options.name ?? 'demo', { volumes: options.volumes ?? false, stopTimeoutSeconds: options.stopTimeoutSeconds ?? null }, onEvent, new AbortController().signal));
  }

  /** Output of a container, both streams. */
  async output(name: string): Promise<string> {
    const parts: Buffer[] = [];
    for await (const record of this.engine.containers.logs(name, { tail: null, follow: false, signal: new AbortController().signal })) parts.push(record.data);
    return Buffer.concat(parts).toString();
  }

  /** Runs a command in a container; its code and output. */
  async exec(name: string, ...command: string[]): Promise<{ code: number; output: string }> {
    const process = await this.engine.containers.exec(name, { command, environment: [], user: '', workingDir: '', tty: false });
    process.stdin.end();
    let output = '';
    for (const stream of [process.stdout, process.stderr]) stream.on('data', (data: Buffer) => { output += data.toString(); });
    return { code: await process.exit, output };
  }

  /** Everything ends at once, and the next engine is the first of another boot: what is left is what the root folder holds. No engine is open. */
  async cutPower(): Promise<void> {
    for (const { pid } of processes(this.paths)) process.kill(pid, 'SIGKILL');
    await eventually(() => {
      for (const folder of containerCgroups(this.paths)) for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n')) if (pid !== '' && existsSync(`/proc/${pid}`)) process.kill(Number(pid), 'SIGKILL');
      expect(processes(this.paths)).toEqual([]);
      for (const folder of containerCgroups(this.paths)) if (existsSync(folder)) rmdirSync(folder); // of one hierarchy at two mounts
    });
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
      const at = line.split(' ')[4] ?? '';
      if (at.startsWith(`${this.paths.run}/`)) execFileSync('umount', ['-l', at]);
    }
    for (const link of readdirSync('/sys/class/net')) if (link.startsWith(this.paths.linkPrefix) && existsSync(`/sys/class/net/${link}/bridge`)) execFileSync('ip', ['link', 'del', link]);
    if (execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n').includes(`table inet ${this.paths.table}`)) execFileSync('nft', ['delete', 'table', 'inet', this.paths.table]);
    writeFileSync(join(this.paths.run, 'boot'), 'another');
  }

  /** Takes every stack down, and fails where anything of the engine's is left on this machine. */
  async dispose(): Promise<void> {
    if (this.#engine === null && existsSync(this.root)) await this.open();
    if (this.#engine !== null) {
      const names = new Set([...this.engine.containers.list().values()].map(({ identity }) => identity.stack));
      for (const { name } of this.engine.stacks()) names.add(name);
      for (const name of names) await this.down({ name, volumes: true, stopTimeoutSeconds: 0 });
    }
    await eventually(() => expect(leftovers(this.paths)).toEqual([]));
    await this.close();
    execFileSync(process.execPath, [join(top, 'test/root/forget-engine.mjs'), JSON.stringify(this.paths)]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Outcome { readonly ok: boolean; readonly message: string; readonly done: readonly string[]; readonly events: readonly PassEvent[] }

export async function gather(run: (onEvent: (event: PassEvent) => void) => Promise<void>): Promise<Outcome> {
  const events: PassEvent[] = [];
  await run((event) => events.push(event));
  const end = events.at(-1);
  if (end?.type !== 'end') throw new Error('the pass ended without saying so');
  return { ok: end.ok, message: end.message, done: events.flatMap((event) => (event.type === 'step' && event.state === 'done' ? [event.id] : [])), events };
}

/** Repeats a look until it passes; fails with its last failure after `ms`. */
export async function eventually<T>(look: () => T | Promise<T>, ms = 15_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs the command line to its end. */
export function bayplan(args: readonly string[], options: { cwd?: string; env?: Readonly<Record<string, string>> } = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(process.execPath, [program, ...args], { cwd: options.cwd ?? top, env: { ...process.env, NO_COLOR: '1', ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (data: Buffer) => { stdout += data.toString(); });
    child.stderr?.on('data', (data: Buffer) => { stderr += data.toString(); });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}
