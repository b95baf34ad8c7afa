// Runs inside the virtual machine: links of kinds that not every kernel has (macvlan, ipvlan), and SCTP. Prints the facts as one JSON object.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { pathsOf } from '../../src/state/paths.ts';
import { leftovers } from '../root/leftovers.ts';
import { bayplan, eventually, run } from './guest-commands.ts';

export type NetworkFacts = Awaited<ReturnType<typeof facts>>;

const STACK = 'test/vm/networks.yaml';
const HOST = '10.61.3.1';

async function facts() {
  makeNeighbour();
  const load = await eventually(() => bayplan('load', 'build/images/hello.tar'), ({ code }) => code === 0);
  const up = bayplan('up', '-d', '-f', STACK);
  const found = {
    load, up,
    macvlan: await wire('mac', '10.60.1.2', '10.60.1.3', '10.60.1.254'), ipvlan: await wire('flat', '10.60.2.2', '10.60.2.3', '10.60.2.254'), layer3: await wire('routed', '10.60.3.2', '10.60.3.3', '10.61.3.2'),
    vlan: await wire('tagged', '10.60.4.2', '10.60.4.3', '10.60.4.254'), made: linkOf('wire1.7'), alone: await alone(),
    sctp: await useSctp(),
  };
  const other = bayplan('network', 'create', '-d', 'macvlan', '-o', 'parent=wire1.7', '--subnet', '10.60.6.0/24', 'other');
  const refused = ['wire9.7', 'wire1.5000', 'wire9'].map((parent) => bayplan('network', 'create', '-d', 'macvlan', '-o', `parent=${parent}`, 'refused').stderr);
  const down = bayplan('down', '-f', STACK);
  const inherited = linkOf('wire1.7');
  const gone = [bayplan('network', 'rm', 'other').code, linkOf('wire1.7'), linkOf('wire1')?.operstate];
  const left = await eventually(() => leftovers(pathsOf()), (some) => some.length === 0);
  const stop = bayplan('engine', 'stop');
  return { ...found, other, refused, down, left, inherited, gone, stop };
}

/** Another machine at the other ends of three wires, which knows the way to the addresses behind the third. */
function makeNeighbour(): void {
  const commands = ['netns add neighbour', '-n neighbour link set lo up'];
  for (const wireOf of ['1', '2', '3']) commands.push(`link add wire${wireOf} type veth peer name wire${wireOf} netns neighbour`, `link set wire${wireOf} up`, `-n neighbour link set wire${wireOf} up`);
  commands.push('-n neighbour address add 10.60.1.254/24 dev wire1', '-n neighbour address add 10.60.2.254/24 dev wire2', '-n neighbour address add 10.61.3.2/24 dev wire3',
    '-n neighbour link add link wire1 name wire1.7 type vlan id 7', '-n neighbour link set wire1.7 up', '-n neighbour address add 10.60.4.254/24 dev wire1.7', `address add ${HOST}/24 dev wire3`, `-n neighbour route add 10.60.3.0/24 via ${HOST}`);
  for (const command of commands) execFileSync('ip', command.split(' '));
}

/** What two containers on one network see of each other and of the neighbour, and it of them. */
async function wire(prefix: string, address: string, peer: string, neighbour: string) {
  const inside = (...command: readonly string[]): ReturnType<typeof bayplan> => bayplan('exec', '--file', STACK, '-T', `${prefix}-a`, ...command);
  const pid = String(await pidOf(`${prefix}-a`));
  const link = JSON.parse(run('nsenter', '-t', pid, '-n', 'ip', '-j', '-d', 'link', 'show', 'eth0').stdout) as readonly { readonly linkinfo: { readonly info_kind: string; readonly info_data: { readonly mode: string } } }[];
  return {
    kind: link[0]?.linkinfo,
    name: await eventually(() => inside('nslookup', `${prefix}-b`), ({ code }) => code === 0),
    peer: await eventually(() => inside('ping', '-c', '1', '-W', '5', peer), ({ code }) => code === 0),
    out: await eventually(() => inside('ping', '-c', '1', '-W', '5', neighbour), ({ code }) => code === 0),
    in: await eventually(() => run('ip', 'netns', 'exec', 'neighbour', 'busybox', 'ping', '-c', '1', '-W', '5', address), ({ code }) => code === 0),
  };
}

/** A link of the host, in the kernel's words; null: there is none. */
function linkOf(name: string): { readonly link?: string; readonly operstate: string; readonly linkinfo: { readonly info_data?: { readonly id: number } } } | null {
  const { code, stdout } = run('ip', '-j', '-d', 'link', 'show', name);
  return code === 0 ? (JSON.parse(stdout) as readonly NonNullable<ReturnType<typeof linkOf>>[])[0] ?? null : null;
}

/** Two containers whose network is on no link of the host. */
async function alone() {
  const inside = (...command: readonly string[]): ReturnType<typeof bayplan> => bayplan('exec', '--file', STACK, '-T', 'alone-a', ...command);
  return { peer: await eventually(() => inside('ping', '-c', '1', '-W', '5', 'alone-b'), ({ code }) => code === 0), routes: inside('ip', 'route').stdout, out: inside('ping', '-c', '1', '-W', '1', HOST).code };
}

/** A server in the container's network, since its image knows no SCTP, and clients before the published port. */
async function useSctp() {
  const server = spawn('nsenter', [`--net=/proc/${await pidOf('signal')}/ns/net`, 'perl', '-MSocket', '-e',
    '$|=1; socket(S,AF_INET,SOCK_STREAM,132) or die $!; bind(S,sockaddr_in(9132,INADDR_ANY)) or die $!; listen(S,5) or die $!; print "up\\n";'
    + 'while (my $from=accept(C,S)) { my (undef,$ip)=sockaddr_in($from); syswrite(C,"sctp ".inet_ntoa($ip)); sysread(C,my $end,1); close(C) }'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  const client = `socket(S,AF_INET,SOCK_STREAM,132) or die $!; alarm 20; connect(S,sockaddr_in(9132,inet_aton("${HOST}"))) or die $!; sysread(S,$_,99); print; close(S)`;
  const answers = { outside: run('ip', 'netns', 'exec', 'neighbour', 'perl', '-MSocket', '-e', client), host: run('perl', '-MSocket', '-e', client), ps: bayplan('ps', '-f', STACK), taken: run('perl', '-MSocket', '-e', 'socket(S,AF_INET,SOCK_STREAM,132) or die $!; bind(S,sockaddr_in(9132,INADDR_ANY)) or die "$!\\n"; ') };
  server.kill('SIGKILL');
  return answers;
}

async function pidOf(service: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    request({ socketPath: pathsOf().socket, path: `/containers/wires-${service}-1/json`, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => { body += text; }).once('end', () => { resolve((JSON.parse(body) as { readonly State: { readonly Pid: number } }).State.Pid); });
    }).once('error', reject).end();
  });
}

facts().then((found) => console.log(JSON.stringify(found)), (error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
