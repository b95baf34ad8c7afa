import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kernel } from '../../src/runtime/kernel.ts';
import { loadKernel } from '../../src/runtime/loaded-kernel.ts';
import { createNetworks } from '../../src/runtime/network/network-store.ts';
import type { Endpoint, EndpointAttachment, Networks } from '../../src/runtime/network/networks.ts';
import type { NetworkSpec } from '../../src/state/network.ts';
import { type Paths, pathsOf } from '../../src/state/paths.ts';
import { pinned } from './pinned.ts';

const LIBRARY = new URL('../../build/libbayplan.so', import.meta.url).pathname;
const CORE = new URL('../../build/bayplan-core', import.meta.url).pathname;

/** A container that is connected: its namespace, and its addresses on the first network. */
export interface Connected { readonly endpoint: Endpoint; readonly netns: string; readonly address: string; readonly ipv6: string }

/** One engine's networks on this kernel, below a root of their own, and processes in namespaces. `close` leaves nothing and says what was left. */
export class NetworkWorld {
  readonly kernel: Kernel = loadKernel(LIBRARY);
  readonly paths: Paths;
  networks!: Networks;
  readonly #root: string;
  readonly #children: ChildProcess[] = [];
  readonly #hosts: string[] = [];

  private constructor(root: string) {
    this.#root = root;
    this.paths = pathsOf(root);
  }

  static async open(): Promise<NetworkWorld> {
    const world = new NetworkWorld(mkdtempSync(join(tmpdir(), 'bayplan-network-')));
    await world.reopen();
    return world;
  }

  /** The same root, a new engine. */
  async reopen(): Promise<void> {
    this.networks = await createNetworks({ paths: this.paths, kernel: this.kernel, core: CORE, now: () => Date.now() });
  }

  /** Gives addresses and connects a container with one name on each network. */
  async container(name: string, ...networks: readonly (string | (Partial<EndpointAttachment> & { readonly network: string }))[]): Promise<Connected> {
    const id = randomBytes(32).toString('hex');
    const attachments = networks.map((wanted) => {
      const own = typeof wanted === 'string' ? { network: wanted } : wanted;
      const addresses = this.networks.allocate(own.network, id, { ipv4: own.ipv4 ?? null, ipv6: own.ipv6 ?? null });
      return { names: [name, id.slice(0, 12)], linkLocalIps: [], macAddress: '', interfaceName: '', sysctls: {}, gatewayPriority: 0, ...own, ...addresses };
    });
    const endpoint = { id, name, hostname: name, ready: true, attachments };
    return { endpoint, netns: await this.networks.connect(endpoint), address: attachments[0]?.ipv4 ?? '', ipv6: attachments[0]?.ipv6 ?? '' };
  }

  async drop(endpoint: Endpoint): Promise<void> {
    await this.networks.publish({ container: endpoint.id, ports: [] });
    await this.networks.disconnect(endpoint.id);
    for (const { network } of endpoint.attachments) await this.networks.release(network, endpoint.id);
  }

  /** Another host on a wire to this one: `address`/30 there, the next one here. Answers its namespace. */
  outside(address: string): string {
    const name = `bpt${randomBytes(4).toString('hex')}`;
    const here = address.replace(/\d+$/, (last) => String(Number(last) + 1));
    ip('netns', 'add', name);
    this.#hosts.push(name);
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('addr', 'add', `${here}/30`, 'dev', name);
    ip('link', 'set', name, 'up');
    ip('-n', name, 'addr', 'add', `${address}/30`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'route', 'add', 'default', 'via', here);
    return `/run/netns/${name}`;
  }

  /** Gives another host and this one an IPv6 address on their wire: `address`/126 there, the next one here. */
  outsideIpv6(netns: string, address: string): void {
    const name = netns.replace('/run/netns/', '');
    const here = address.replace(/\d+$/, (last) => String(Number(last) + 1));
    ip('addr', 'add', `${here}/126`, 'dev', name, 'nodad');
    ip('-n', name, 'addr', 'add', `${address}/126`, 'dev', 'eth0', 'nodad');
    ip('-n', name, 'route', 'add', 'default', 'via', here);
  }

  /** A server in a namespace that answers each connection or datagram with `tag ADDRESS-OF-THE-CLIENT`. Resolves once it listens. */
  async serve(netns: string, protocol: 'tcp' | 'udp', port: number, tag: string, ip = '0.0.0.0'): Promise<ChildProcess> {
    const code = protocol === 'tcp'
      ? `require('net').createServer(s=>{s.on('error',()=>{});s.end('${tag} '+s.remoteAddress)}).listen(${port},'${ip}',()=>console.log('up'))`
      : `const s=require('dgram').createSocket('${ip.includes(':') ? 'udp6' : 'udp4'}');s.on('message',(m,r)=>s.send('${tag} '+r.address,r.port,r.address));s.bind(${port},'${ip}',()=>console.log('up'))`;
    const child = spawn('nsenter', [...inside(netns), process.execPath, '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('exit', (status) => reject(new Error(`the server ended with ${status}`)));
    });
    return child;
  }

  async stop(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGKILL');
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => this.stop(child)));
    for (const name of this.#hosts) ip('netns', 'del', name);
    // After a test that failed half-way as well.
    this.networks.close();
    await this.reopen();
    await this.networks.restore([], []);
    for (const name of this.networks.list().keys()) await this.networks.remove(name);
    this.networks.close();
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(`${this.paths.run}/`));
    if (mounts.length > 0) throw new Error(`mounts of an engine that has ended: ${mounts.join(', ')}`);
    rmSync(this.#root, { recursive: true });
    rmSync(this.paths.run, { recursive: true, force: true });
  }
}

/** What a client in a namespace ('' is the host) gets from a server, 'nothing' where it is refused or silent. `source` is the port it sends from. */
export async function ask(netns: string, protocol: 'tcp' | 'udp', ip: string, port: number, source = 0): Promise<string> {
  const code = protocol === 'tcp'
    ? `const s=require('net').connect(${port},'${ip}');s.setTimeout(700);s.on('data',d=>process.stdout.write(d));for(const e of ['error','timeout'])s.on(e,()=>s.destroy())`
    : `const s=require('dgram').createSocket('${ip.includes(':') ? 'udp6' : 'udp4'}');s.on('message',d=>{process.stdout.write(d);s.close();clearTimeout(t)});s.on('error',()=>{});const t=setTimeout(()=>s.close(),700);`
      + `s.bind(${source},()=>s.send('q',${port},'${ip}'))`;
  const command = netns === '' ? [process.execPath, '-e', code] : ['nsenter', ...inside(netns), process.execPath, '-e', code];
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data: Buffer) => { text += data.toString(); });
  await new Promise((resolve) => child.once('close', resolve));
  return text === '' ? 'nothing' : text;
}

export function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function ipJson(...args: readonly string[]): readonly Record<string, unknown>[] {
  const text = ip('-j', ...args);
  return text.trim() === '' ? [] : JSON.parse(text);
}

/** What of this engine is in the kernel: links, mounts, pinned namespaces, tables; but for the empty mount namespace of the pins, which stays until the engine ends. */
export function leftovers(paths: Paths): readonly string[] {
  return [
    ...ipJson('link').map((link) => String(link['ifname'])).filter((name) => name.startsWith(paths.linkPrefix)),
    ...execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(`${paths.run}/`) && ![paths.netns, join(paths.netns, 'pins')].includes(line.split(' ')[4] ?? '')),
    ...pinned(paths.netns).keys(),
    ...execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(paths.table)),
  ];
}

export function bridgeSpec(changes: Partial<NetworkSpec> = {}): NetworkSpec {
  return { driver: 'bridge', internal: false, external: false, attachable: false, ipv6: false, ipam: [], labels: {}, options: {}, ...changes };
}

function inside(netns: string): readonly string[] {
  return [`--net=${netns}`];
}
