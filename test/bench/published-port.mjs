// Bytes a second from a container's published port to another host, beside the same server on this host without a container.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const MILLISECONDS = 2000;
/** On the host without a container, and published. */
const PORTS = { host: 18081, published: 18082 };
const HERE = '10.213.250.2';
const THERE = '10.213.250.1';

/** Prepares a server and a client in `scratch`; answers what measures `{ published, host }` in MB/s, one straight after the other. */
export function publishedPortSide(scratch, bayplan) {
  const folder = join(scratch, 'published-port');
  mkdirSync(folder, { recursive: true });
  const stream = join(folder, 'stream');
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', stream, join(here, 'stream.c')], { stdio: 'inherit' });
  const file = join(folder, 'compose.yaml');
  writeFileSync(file, `name: bench-port\nservices:\n  server:\n    image: bayplan/hello\n    command: [/stream, serve, "80"]\n    stop_signal: SIGKILL\n    volumes: ["./stream:/stream:ro"]\n    ports: ["${PORTS.published}:80"]\n`);
  return () => {
    const outside = otherHost();
    const server = spawn(stream, ['serve', String(PORTS.host)], { stdio: 'ignore' });
    bayplan('up', '-d', '--wait', '-f', file);
    try {
      const fetched = (port) => Number(outside.output(stream, 'fetch', HERE, String(port), String(MILLISECONDS))) / 1e6;
      return { published: fetched(PORTS.published), host: fetched(PORTS.host) };
    } finally {
      bayplan('down', '-f', file);
      server.kill('SIGKILL');
      outside.remove();
    }
  };
}

/** Another host on a wire to this one: a namespace and a pair of links. */
function otherHost() {
  const name = `bpb${randomBytes(4).toString('hex')}`;
  const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' });
  ip('netns', 'add', name);
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  ip('addr', 'add', `${HERE}/30`, 'dev', name);
  ip('link', 'set', name, 'up');
  ip('-n', name, 'addr', 'add', `${THERE}/30`, 'dev', 'eth0');
  ip('-n', name, 'link', 'set', 'eth0', 'up');
  return { output: (...command) => execFileSync('ip', ['netns', 'exec', name, ...command], { encoding: 'utf8' }), remove: () => ip('netns', 'del', name) };
}
