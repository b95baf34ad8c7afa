import { execFile } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { EngineAbsent } from '../client/errors.ts';
import { realRoot } from '../client/real-root.ts';
import { runsSystemd, unitName, unitPath, unitText } from '../client/service-unit.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import { rootOf } from './options.ts';

type Options = { readonly root?: string; readonly dryRun?: boolean };

/** `engine enable`: has systemd run the engine from now on. One that runs already is followed by systemd's. */
export async function enableEngine(options: Options, cli: Cli): Promise<void> {
  const root = realRoot(rootOf(options, cli));
  const [name, path, text] = [unitName(root), unitPath(root), unitText(root, cli.program)];
  if (options.dryRun === true) {
    cli.stdout.write(`would write ${path}:\n\n${text}\nand have systemd run it, now and with the machine\n`);
    return;
  }
  refuse('enable');
  writeUnit(path, text);
  await systemctl('daemon-reload');
  await systemctl('enable', '--quiet', name);
  if (await failed('is-active', '--quiet', name)) await stopOther(options, cli);
  await systemctl('restart', name);
  cli.stdout.write(`${name} runs the engine, and starts it with the machine: stacks come back then, and containers are stopped in order where the machine goes down\n`);
}

/** `engine disable`: systemd is told to leave it; it stops, and containers go on. */
export async function disableEngine(options: Options, cli: Cli): Promise<void> {
  const root = realRoot(rootOf(options, cli));
  const [name, path] = [unitName(root), unitPath(root)];
  if (!existsSync(path)) {
    cli.stdout.write(`there is no ${path}: nothing starts the engine with the machine\n`);
    return;
  }
  if (options.dryRun === true) {
    cli.stdout.write(`would stop and remove ${path}\n`);
    return;
  }
  refuse('disable');
  await systemctl('disable', '--quiet', '--now', name);
  rmSync(path, { force: true });
  await systemctl('daemon-reload');
  cli.stdout.write(`${name} is removed: its engine has stopped, containers go on, and the next command starts an engine\n`);
}

/** Whole, and on disk, before systemd is told of it. */
function writeUnit(path: string, text: string): void {
  const fresh = `${path}.new`;
  try {
    writeFileSync(fresh, text, { mode: 0o644, flush: true });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function refuse(command: string): void {
  if (process.getuid?.() !== 0) throw new BayplanError('no-root', `root is needed to ${command} a service: run it with sudo`);
  if (!runsSystemd()) throw new BayplanError('no-systemd', `systemd does not run this machine (its first process is ${readFileSync('/proc/1/comm', 'utf8').trim()}): have "bayplan engine run" started by what starts its services, and "bayplan engine stop --containers" run where it goes down`);
}

async function stopOther(options: Options, cli: Cli): Promise<void> {
  await clientOf(options, cli, false).stopEngine().catch((error: unknown) => {
    if (!(error instanceof EngineAbsent)) throw error;
  });
}

async function failed(...words: readonly string[]): Promise<boolean> {
  return await promisify(execFile)('systemctl', words).then(() => false, () => true);
}

async function systemctl(...words: readonly string[]): Promise<void> {
  await promisify(execFile)('systemctl', words).catch((error: unknown) => {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().replaceAll('\n', '; ') : '';
    throw new BayplanError('systemd', `systemctl ${words.join(' ')}: ${said === '' && error instanceof Error ? error.message : said}`);
  });
}
