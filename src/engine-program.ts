import { execFile } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { createEngine } from './index.ts';
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
