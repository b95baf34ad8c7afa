// Bytes a second from a container's published port to another host, beside the same server on this host without a container, and one in a namespace that this
// kernel only forwards to, without a bridge or a rule: no published port can be faster than that.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const MILLISECONDS = 250;
const TURNS = 9;
/** On the host without a container, and published. */
const PORTS = { host: 18081, published: 18082 };
const HERE = '10.213.250.2';
const THERE = '10.213.250.1';
const BEHIND = '10.213.251.1';
/** Server and client have a core each, everywhere: else it is the scheduler's luck that is measured. */
const SERVER_CPU = String(Math.min(1, cpus().length - 1));
const CLIENT_CPU = '0';

/**
 * Prepares a server and a client in `scratch`; answers what measures `{ published, host, routed }` in MB/s, medians of short turns one straight after the other.
 * `compose` runs our command line, or another's that takes a file's path and the words of `up -d` and `down`.
 */
export function publishedPortSide(scratch, compose) {
  const folder = join(scratch, 'published-port');
  mkdirSync(folder, { recursive: true });
  const stream = join(folder, 'stream');
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', stream, join(here, 'stream.c')], { stdio: 'inherit' });
  const file = join(folder, 'compose.yaml');
  writeFileSync(file, `name: bench-port\nservices:\n  server:\n    image: bayplan/hello\n    command: [/stream, serve, "80"]\n    stop_signal: SIGKILL\n    cpuset: "${SERVER_CPU}"\n    volumes: ["./stream:/stream:ro"]\n    ports: ["${PORTS.published}:80"]\n`);
  return () => {
    const hosts = otherHosts();
    const serve = (...before) => spawn(before[0], [...before.slice(1), 'taskset', '-c', SERVER_CPU, stream, 'serve', String(PORTS.host)], { stdio: 'ignore' });
    const servers = [serve('env'), serve('ip', 'netns', 'exec', hosts.behind)];
    compose(file, 'up', '-d');
    try {
      const fetched = (ip, port, host = hosts.outside) => Number(execFileSync('ip', ['netns', 'exec', host, 'taskset', '-c', CLIENT_CPU, stream, 'fetch', ip, String(port), String(MILLISECONDS)], { encoding: 'utf8', stdio: 'pipe' })) / 1e6;
      const end = Date.now() + 10_000;
      for (;;) { // a container that is up may not listen yet
        try {
          fetched(HERE, PORTS.published);
          break;
        } catch (error) {
          if (Date.now() > end) throw error;
        }
      }
      const turns = Array.from({ length: TURNS }, () => ({ published: fetched(HERE, PORTS.published), host: fetched(HERE, PORTS.host), routed: fetched(BEHIND, PORTS.host, hosts.outsideRouter) }));
      const median = (which) => turns.map((turn) => turn[which]).sort((a, b) => a - b)[TURNS >> 1];
      return { published: median('published'), host: median('host'), routed: median('routed') };
    } finally {
      compose(file, 'down');
      servers.forEach((server) => server.kill('SIGKILL'));
      hosts.remove();
    }
  };
}

/** Another host on a wire to this one; and a third on a wire to a router without any rules, with one behind it. Each is a namespace, each wire a pair of links. */
function otherHosts() {
  const name = `bpb${randomBytes(4).toString('hex')}`;
  const [outside, router, behind, outsideRouter] = [name, `${name}r`, `${name}s`, `${name}o`];
  const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' });
  const wire = (from, link, address, to, peer) => {
    ip(...from, 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', to);
    ip(...from, 'addr', 'add', `${address}/30`, 'dev', link);
    ip(...from, 'link', 'set', link, 'up');
    ip('-n', to, 'addr', 'add', `${peer}/30`, 'dev', 'eth0');
    ip('-n', to, 'link', 'set', 'eth0', 'up');
  };
  for (const each of [outside, router, behind, outsideRouter]) ip('netns', 'add', each);
  wire([], name, HERE, outside, THERE);
  wire(['-n', router], 'outside', '10.213.252.2', outsideRouter, '10.213.252.1');
  wire(['-n', router], 'behind', '10.213.251.2', behind, BEHIND);
  execFileSync('ip', ['netns', 'exec', router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  ip('-n', outsideRouter, 'route', 'add', 'default', 'via', '10.213.252.2');
  ip('-n', behind, 'route', 'add', 'default', 'via', '10.213.251.2');
  return { outside, behind, outsideRouter, remove: () => [outside, router, behind, outsideRouter].forEach((each) => ip('netns', 'del', each)) };
}
