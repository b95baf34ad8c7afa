// Names asked of the responder in a container, by a program inside it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const SECONDS = 2;
/** Queries on their way at the same time. */
const WINDOW = 4;

/** Prepares a stack of two in `scratch`; answers what measures `{ perSecond, medianMs }`. `bayplan` runs the command line and answers its output. */
export function dnsSide(scratch, bayplan) {
  const folder = join(scratch, 'dns');
  mkdirSync(folder);
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', join(folder, 'dns-client'), join(here, 'dns-client.c')], { stdio: 'inherit' });
  const service = (name, more) => `  ${name}:\n    image: bayplan/hello\n    command: [sleep, "100000"]\n    stop_signal: SIGKILL\n${more}`;
  const file = join(folder, 'compose.yaml');
  writeFileSync(file, `name: bench-dns\nservices:\n${service('client', '    volumes: ["./dns-client:/dns-client:ro"]\n')}${service('server', '')}`);
  return () => {
    bayplan('up', '-d', '-f', file);
    try {
      return JSON.parse(bayplan('exec', '--file', file, 'client', '/dns-client', 'server', String(SECONDS), String(WINDOW)));
    } finally {
      bayplan('down', '-f', file);
    }
  };
}
