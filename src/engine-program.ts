import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { createEngine } from './index.ts';
import { loadKernel } from './runtime/loaded-kernel.ts';
import { leaveOwnCgroup } from './runtime/own-cgroup.ts';

/** The chunk behind `bayplan engine run`: runs an engine until it is stopped by its API, SIGTERM or SIGINT. `report` gets one line a message. */
export async function runEngine(root: string, report: (line: string) => void): Promise<void> {
  // An engine waits for the kernel and works in bursts: to optimise its code took 40 ms of an `up` of 50 services from the shims, and gave nothing back.
  setFlagsFromString('--no-opt');
  const running = await createEngine({ root, report, ownCgroup: true });
  const stop = (): void => {
    running.close().catch((error: unknown) => report(error instanceof Error ? error.message : String(error)));
  };
  tellManager(report);
  process.on('SIGTERM', stop).on('SIGINT', stop);
  process.on('SIGHUP', () => undefined); // the terminal it was started from may close
  await running.closed;
  leaveOwnCgroup(running.engine.paths.cgroup);
}

/** Tells systemd, where that has started the engine, that it listens (sd_notify(3)). */
function tellManager(report: (line: string) => void): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  execFile('systemd-notify', ['--ready'], (error) => { if (error !== null) report(`systemd-notify: ${error.message.trim()}`); });
  delete process.env['NOTIFY_SOCKET']; // no program of the engine's speaks for it
}

/**
 * The first process of a container without an init of its own is whom orphans are left to: shims, and what health checks and commands run through. Node reaps none but its own children, so this process becomes the
 * core's init, and `program` its child.
 */
export function runUnderInit(program: readonly string[]): never {
  const build = join(import.meta.dirname, '..', 'build');
  return loadKernel(join(build, 'libbayplan.so')).exec(join(build, 'bayplan-core'), ['bayplan-core', 'init', '--', ...program]);
}
