import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { PassEvent, StackRequest } from '../../src/state/messages.ts';
import type { Paths } from '../../src/state/paths.ts';
import { eventually, top, type Machine } from './harness.ts';
import { leftovers } from './leftovers.ts';

/** A process as the kernel knows it: a pid alone may be another's by now. */
export interface Process { readonly pid: number; readonly startTime: number }

export interface Interrupted {
  /** False: the engine came to its end before it was to be killed. */
  readonly killed: boolean;
  readonly events: readonly PassEvent[];
  /** How long it lived, from when it began to open. */
  readonly ms: number;
  /** What the kernel ran of the engine's containers just after its end, by name. */
  readonly running: ReadonlyMap<string, Process>;
}

/**
 * Runs `up` (or `down`, where `request` is null; nothing, where it is 'idle') in an engine of its own process and kills that with SIGKILL: by itself at its event number `atEvent`, or
 * from outside `afterMs` after it began to open, or as soon as `when` says so. No other engine may have the root.
 */
export async function interrupted(machine: Machine, request: StackRequest | 'idle' | null, kill: { atEvent: number } | { afterMs: number } | { when: () => boolean }, name = 'demo'): Promise<Interrupted> {
  const order = join(machine.folder, 'order.json');
  writeFileSync(order, JSON.stringify({ root: machine.root, name, request, idle: request === 'idle', killAt: 'atEvent' in kill ? kill.atEvent : null }));
  const child = spawn(process.execPath, [join(top, 'test/root/engine-to-kill.mjs'), order], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  let begin = 0;
  child.stdout.on('data', (data: Buffer) => {
    if (out === '') begin = performance.now();
    if (out === '' && 'afterMs' in kill) setTimeout(() => child.kill('SIGKILL'), kill.afterMs);
    out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => { errors += data.toString(); });
  const watch = 'when' in kill ? setInterval(() => kill.when() && child.kill('SIGKILL'), 2) : undefined;
  const signal = await new Promise<string | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, ended) => (ended !== null || code === 0 ? resolve(ended) : reject(new Error(`the engine ended with ${code}: ${errors.split('\n').slice(-15).join('\n')}`))));
  });
  clearInterval(watch);
  const events = out.split('\n').slice(0, -1).map((line): PassEvent => JSON.parse(line)).slice(1);
  return { killed: signal === 'SIGKILL', events, ms: performance.now() - begin, running: runningContainers(machine.paths) };
}

/** A container's record as it was written last. */
export function recordText(folder: string): string {
  const fresh = join(folder, 'container.json.new');
  return readFileSync(existsSync(fresh) ? fresh : join(folder, 'container.json'), 'utf8');
}

/** Containers whose first process is there, read from the files that shims write and from /proc. */
export function runningContainers(paths: Paths): ReadonlyMap<string, Process> {
  const found = new Map<string, Process>();
  for (const id of existsSync(paths.containers) ? readdirSync(paths.containers) : []) {
    try {
      const { name }: { name: string } = JSON.parse(recordText(join(paths.containers, id)));
      const { pid, startTime }: Process = JSON.parse(readFileSync(join(paths.bundles, id.slice(0, 16), 'pid'), 'utf8'));
      if (startTimeOf(pid) === startTime) found.set(name, { pid, startTime });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error; // not recorded, or not started yet
    }
  }
  return found;
}

/** Field 22 of /proc/PID/stat; null where the process is gone or has ended. */
export function startTimeOf(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : Number(fields[19]);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return null;
    throw error;
  }
}

/** Containers that were started, and that nobody had begun to stop or remove, when the events ended. */
export function keptRunning(before: Iterable<string>, events: readonly PassEvent[]): ReadonlySet<string> {
  const names = new Set(before);
  for (const event of events) {
    if (event.type !== 'step') continue;
    const [action, name = ''] = event.id.split(' ');
    if (action === 'start-container' && event.state === 'done') names.add(name);
    if ((action === 'stop-container' || action === 'remove-container') && event.state === 'started') names.delete(name);
  }
  return names;
}

/** Opens the next engine and checks that it adopts what ran; `ends` names containers that end by themselves. */
export async function adopts(machine: Machine, { running, events }: Interrupted, before: Iterable<string>, ends: readonly string[]): Promise<void> {
  const kept = [...keptRunning(before, events)].filter((name) => !ends.includes(name)).sort();
  expect([...running.keys()]).toEqual(expect.arrayContaining(kept));
  await machine.open();
  for (const name of kept) {
    const process = running.get(name);
    expect({ name, ...machine.engine.container(name).status }).toMatchObject({ name, phase: 'running', pid: process?.pid });
    expect(startTimeOf(process?.pid ?? 0)).toBe(process?.startTime);
  }
}

/** A container that prints 0, 1, 2 … has lost no line and written none twice, in each of at most `runs`. Answers how many lines there are. */
export async function countedOutput(machine: Machine, name: string, runs = 1): Promise<number> {
  const lines = (await machine.output(name)).split('\n').slice(0, -1);
  let begun = 0;
  let next = 0;
  for (const [index, line] of lines.entries()) {
    if (line === '0') {
      begun++;
      next = 0;
    }
    expect(line, `line ${index} of ${name}, after ${lines.slice(Math.max(0, index - 3), index).join()}`).toBe(String(next++));
  }
  expect(begun).toBeLessThanOrEqual(runs);
  return lines.length;
}

/** Nothing of the stack is left but its volumes; those go with `down -v`. `perhaps`: others that what went on by itself may have made by then. */
export async function goesAltogether(machine: Machine, volumes: readonly string[], perhaps: readonly string[] = []): Promise<void> {
  const name = 'demo';
  expect(await machine.down({ name })).toMatchObject({ ok: true });
  await eventually(() => expect(leftovers(machine.paths)).toEqual([]));
  expect([...machine.engine.volumes.list().keys()].filter((volume) => volumes.includes(volume) || !perhaps.includes(volume))).toEqual(volumes);
  expect(await machine.down({ name, volumes: true })).toMatchObject({ ok: true });
  expect([...machine.engine.volumes.list().keys()]).toEqual([]);
  expect(machine.reports).toEqual([]);
}
