import { constants } from 'node:os';
import { basename } from 'node:path';
import type { Cli } from './cli/cli.ts';
import { loadChunk } from './load-chunk.ts';
import { pathsOf } from './state/paths.ts';
import { VERSION } from './version.ts';

type Run = (argv: readonly string[], cli: Cli) => Promise<number>;
type RunEngine = (root: string, report: (line: string) => void) => Promise<void>;

/** Global options that take a value, which is no command. */
const WITH_VALUE = new Set(['--root', '-p', '--project-name', '-f', '--file']);

/** The chunk that has the command: `ps` one of its own, because it is asked often. */
function chunkOf(argv: readonly string[]): string {
  let at = 0;
  while (argv[at]?.startsWith('-') === true) at += WITH_VALUE.has(argv[at] ?? '') ? 2 : 1;
  return argv[at] === 'ps' ? 'ps' : 'cli';
}

function onInterrupt(handler: () => void): () => void {
  process.on('SIGINT', handler).on('SIGTERM', handler);
  return () => process.off('SIGINT', handler).off('SIGTERM', handler);
}

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  const cli: Cli = {
    stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd(), version: VERSION,
    program: [process.execPath, __filename], socketOf: (root) => pathsOf(root).socket, onInterrupt,
    runEngine: async (root) => {
      const { exports, remember } = loadChunk<{ readonly runEngine: RunEngine }>('engine');
      setImmediate(remember); // it runs for long: its code is kept as soon as it is loaded
      await exports.runEngine(root, (line) => process.stderr.write(`${line}\n`));
    },
  };
  const { exports, remember } = loadChunk<{ readonly run: Run }>(chunkOf(argv));
  const status = await exports.run(argv, cli);
  remember();
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
