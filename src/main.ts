import { constants } from 'node:os';
import { basename } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Cli, Interrupt } from './cli/cli.ts';
import { loadChunk } from './load-chunk.ts';
import { realRoot } from './client/real-root.ts';
import { pathsOf } from './state/paths.ts';
import { VERSION } from './version.ts';

type Run = (argv: readonly string[], cli: Cli) => Promise<number>;
type RunUnderInit = (program: readonly string[]) => never;
type RunEngine = (root: string, report: (line: string) => void) => Promise<void>;

/** Global options that take a value, which is no command. */
const WITH_VALUE = new Set(['--root', '-p', '--project-name', '-f', '--file', '--profile', '--env-file', '--project-directory', '--progress', '--ansi', '--parallel']);

/** Commands that run for long, as which this program may be all that a container runs. */
const LASTING = new Set(['engine', 'up', 'watch']);

/** An engine's bursts make much garbage and little that lasts: with V8's own bound, 16 MiB, its young generation grew to 48 MiB and stayed so, and collecting it took no less time. */
const ENGINE_FLAGS = ['--max-semi-space-size=4'];

/** A command is over before code that V8 optimizes pays off: with its own budget, 67584, a sixth of the processor time of `up` was spent on that. Large stack files, which take a second to read, are read no slower. */
const COMMAND_FLAG = '--interrupt-budget=400000';
/** The V8 of Node 20: later ones have no such flag, would say so, and optimize later by themselves. */
const WITH_FLAG = /^11\./;

/** The first argument that is no option. */
function commandOf(argv: readonly string[]): string {
  let at = 0;
  while (argv[at]?.startsWith('-') === true) at += WITH_VALUE.has(argv[at] ?? '') ? 2 : 1;
  return argv[at] ?? '';
}

function onInterrupt(handler: (signal: Interrupt) => void, hangups = false): () => void {
  const signals: readonly Interrupt[] = ['SIGINT', 'SIGTERM', ...(hangups ? ['SIGHUP' as const] : [])];
  const releases = signals.map((signal) => {
    const told = (): void => handler(signal);
    process.on(signal, told);
    return () => process.off(signal, told);
  });
  return () => releases.forEach((release) => release());
}

/** Node's raw mode goes on turning each line feed into a new line, which a full-screen program in a container has to do without. */
function rawTerminal(on: boolean, shown = true): void {
  process.stdin.setRawMode(on);
  if (on && shown) process.getBuiltinModule('node:child_process').spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
}

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  const cli: Cli = {
    get stdin() { return process.stdin; }, stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd(), version: VERSION,
    program: [process.execPath, ...ENGINE_FLAGS, __filename], socketOf: (root) => pathsOf(realRoot(root)).socket, onInterrupt, rawTerminal,
    runEngine: async (root) => {
      const { exports, remember } = loadChunk<{ readonly runEngine: RunEngine }>('engine', 'run');
      setImmediate(remember); // it runs for long: its code is kept as soon as it is loaded
      await exports.runEngine(realRoot(root), (line) => process.stderr.write(`${line}\n`));
    },
  };
  const command = commandOf(argv);
  if (process.pid === 1 && LASTING.has(command)) loadChunk<{ readonly runUnderInit: RunUnderInit }>('engine', 'init').exports.runUnderInit([process.execPath, ...process.execArgv, __filename, ...argv]);
  if (command !== 'engine' && WITH_FLAG.test(process.versions.v8)) setFlagsFromString(COMMAND_FLAG); // before a chunk is loaded: what was compiled under other flags is not taken
  // `ps` has a chunk of its own, because it is asked often and is small.
  const { exports, remember } = loadChunk<{ readonly run: Run }>(command === 'ps' ? 'ps' : 'cli', /^[a-z]+$/.test(command) ? command : 'help');
  const status = await exports.run(argv, cli);
  if (status !== 1) remember(); // 1: the word may be no command at all
  return status;
}

// `bayplan logs | head`: whoever reads has had enough.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(128 + constants.signals.SIGPIPE);
  });
}

main().then(
  (status) => process.stdout.write('', () => process.exit(status)),
  (error: unknown) => {
    process.stderr.write(`${basename(__filename)}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
