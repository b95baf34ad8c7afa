import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createSocket, type Socket } from 'node:dgram';
import { createServer, Socket as Stream, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Kernel } from '../../src/runtime/kernel.ts';
import { loadKernel } from '../../src/runtime/loaded-kernel.ts';
import { Zone as ZoneOfNames } from '../../src/runtime/network/zone.ts';
import { framed, type Message, query, type Question, readMessage, readQuestion, type Type } from './dns-messages.ts';

const BUILD = new URL('../../build/', import.meta.url).pathname;
const AGENT = new URL('dns-agent.mjs', import.meta.url).pathname;
/** Longer than a responder's patience with nameservers, which is four seconds. */
const WAIT_MS = 6000;

interface Exchange { readonly replies: readonly Buffer[]; readonly closed: boolean }

const SLEEP = ['/usr/bin/sleep', '100000'];

/** A shim with its responder around a container that sleeps, or does what it is told, and a client inside the container's network namespace. */
export class DnsContainer {
  readonly #kernel: Kernel = loadKernel(join(BUILD, 'libbayplan.so'));
  readonly #folder = mkdtempSync(join(tmpdir(), 'bayplan-dns-'));
  readonly #netns = join(this.#folder, 'netns');
  readonly #exit = join(this.#folder, 'exit');
  readonly #waiting = new Map<number, (exchange: Exchange) => void>();
  #agent: ChildProcess | null = null;
  #next = 0;
  #ready: { pid: number; shimPid: number } | null = null;

  /** `zones` are names and addresses, one zone each; `nameservers` null: an internal network. `options`: further ones of the shim. */
  static async start(zones: readonly Zone[], nameservers: readonly string[] | null, options: readonly string[] = [], command: readonly string[] = SLEEP): Promise<DnsContainer> {
    const container = new DnsContainer();
    try {
      await container.#start(zones, nameservers, options, command);
      return container;
    } catch (error) {
      await container.close();
      throw error;
    }
  }

  get pid(): number {
    return this.#ready?.pid ?? 0;
  }

  /** The responder's process, by the kernel's word. */
  get responder(): number {
    const shim = this.#ready?.shimPid ?? 0;
    const children = readFileSync(`/proc/${shim}/task/${shim}/children`, 'utf8').trim().split(' ').map(Number);
    return children.find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'bayplan-dns\n') ?? 0;
  }

  setZone(index: number, zone: Zone): void {
    const path = join(this.#folder, `zone${index}`);
    const made = new ZoneOfNames();
    zone.forEach(([name, address], at) => made.set(String(at), { names: [name], addresses: [address], ready: true }));
    writeFileSync(`${path}.tmp`, made.text(), { mode: 0o644 });
    renameSync(`${path}.tmp`, path);
  }

  /** What stands for the host's resolv.conf. */
  setNameservers(addresses: readonly string[]): void {
    const path = join(this.#folder, 'resolv.conf');
    writeFileSync(`${path}.tmp`, addresses.map((address) => `nameserver ${address}\n`).join(''));
    renameSync(`${path}.tmp`, path);
  }

  async ask(name: string, type: Type, options: Parameters<typeof query>[2] & { protocol?: 'udp' | 'tcp' } = {}): Promise<Message> {
    const { protocol = 'udp' } = options;
    const sent = query(name, type, options);
    const { replies: [first] } = await this.send(protocol, protocol === 'tcp' ? framed(sent) : sent, 1);
    if (first === undefined) throw new Error(`no answer for ${name}`);
    return readMessage(first);
  }

  /** Sends these bytes and waits for so many replies. */
  async send(protocol: 'udp' | 'tcp', bytes: Buffer, replies: number, wait = WAIT_MS): Promise<Exchange> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#agent?.stdin?.write(`${JSON.stringify({ id, protocol, hex: bytes.toString('hex'), replies, wait })}\n`);
    });
  }

  /** Whether a server in the container can have this port on all addresses, while the responder runs. It is let go of again. */
  async bind(port: number): Promise<{ udp: boolean; tcp: boolean }> {
    const script = `
      const udp = require('node:dgram').createSocket('udp4'), tcp = require('node:net').createServer();
      const tried = (emitter, event, start) => new Promise((done) => { emitter.once('error', () => done(false)).once(event, () => done(true)); start(); });
      Promise.all([tried(udp, 'listening', () => udp.bind(${port}, '0.0.0.0')), tried(tcp, 'listening', () => tcp.listen(${port}, '0.0.0.0'))])
        .then(([udp, tcp]) => { console.log(JSON.stringify({ udp, tcp })); process.exit(); });`;
    const { stdout } = await promisify(execFile)('nsenter', [`--net=${this.#netns}`, process.execPath, '-e', script]);
    return JSON.parse(stdout);
  }

  async close(): Promise<void> {
    const agent = this.#agent;
    if (agent !== null && agent.exitCode === null) {
      const gone = new Promise((resolve) => agent.once('exit', resolve));
      agent.kill('SIGKILL');
      await gone;
    }
    if (this.#ready !== null) {
      if (!existsSync(this.#exit)) process.kill(this.#ready.pid, 'SIGKILL');
      for (let tries = 0; !existsSync(this.#exit); tries++) {
        if (tries > 500) throw new Error('the shim wrote no exit file');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    await this.#kernel.removeNetns(this.#netns);
    rmSync(this.#folder, { recursive: true });
  }

  async #start(zones: readonly Zone[], nameservers: readonly string[] | null, options: readonly string[], command: readonly string[]): Promise<void> {
    chmodSync(this.#folder, 0o755); // the responder has no privileges
    zones.forEach((zone, index) => this.setZone(index, zone));
    this.setNameservers(nameservers ?? []);
    const bundle = join(this.#folder, 'bundle');
    writeBundle(bundle, this.#netns, command);
    await this.#kernel.createNetns(this.#netns);
    const [reader, writer] = this.#kernel.pipe();
    await this.#kernel.spawnDetached(join(BUILD, 'bayplan-core'), [
      'bayplan-core', 'shim', '--bundle', bundle, '--exit-file', this.#exit, '--log', join(this.#folder, 'log'), '--ready-fd', '3',
      ...zones.flatMap((_, index) => ['--dns', join(this.#folder, `zone${index}`)]),
      ...(nameservers === null ? ['--dns-internal'] : ['--resolv', join(this.#folder, 'resolv.conf')]), ...options,
    ], ['PATH=/usr/bin:/bin'], new Map([[3, writer]]));
    closeSync(writer);
    const line = await new Promise<string>((resolve) => {
      let text = '';
      new Stream({ fd: reader, readable: true, writable: false }).on('data', (data) => { text += data.toString(); }).on('close', () => resolve(text));
    });
    const ready = JSON.parse(line);
    if ('error' in ready) throw new Error(ready.error);
    this.#ready = ready;
    const agent = spawn('nsenter', [`--net=${this.#netns}`, process.execPath, AGENT], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#agent = agent;
    createInterface({ input: agent.stdout }).on('line', (text) => {
      const { id, replies, closed }: { id: number; replies: string[]; closed: boolean } = JSON.parse(text);
      this.#waiting.get(id)?.({ replies: replies.map((hex) => Buffer.from(hex, 'hex')), closed });
      this.#waiting.delete(id);
    });
  }
}

export type Zone = readonly (readonly [name: string, address: string])[];

/** A container of one command, with the host's programs to look at it from inside. */
function writeBundle(bundle: string, netns: string, command: readonly string[]): void {
  const root = join(bundle, 'rootfs');
  for (const folder of ['usr', 'etc', 'proc']) mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${folder}`, join(root, folder));
  writeFileSync(join(root, 'etc/resolv.conf'), 'nameserver 127.0.0.11\noptions ndots:0\n');
  writeFileSync(join(bundle, 'config.json'), JSON.stringify({
    ociVersion: '1.2.0', root: { path: root }, process: { args: command, env: [], cwd: '/', user: { uid: 0, gid: 0 } },
    mounts: [{ destination: '/usr', type: 'bind', source: '/usr', options: ['rbind', 'ro'] }, { destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }, { type: 'ipc' }, { type: 'uts' }, { type: 'network', path: netns }] },
  }));
}

/** What a nameserver received. */
export interface Received { readonly protocol: 'udp' | 'tcp'; readonly bytes: Buffer; readonly question: Question; readonly port: number }

/** A nameserver on an address of loopback that nobody else has. `answers` gives the messages to send back; none: it stays silent. */
export class Nameserver {
  readonly address = `127.${[...randomBytes(3)].map((byte) => 1 + (byte % 254)).join('.')}`;
  readonly received: Received[] = [];
  answers: (received: Received) => readonly Buffer[] = () => [];
  #udp: Socket | null = null;
  #tcp: Server | null = null;
  readonly #streams = new Set<Stream>();

  static async listen(answers: Nameserver['answers']): Promise<Nameserver> {
    const server = new Nameserver();
    server.answers = answers;
    await server.#listen();
    return server;
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    await new Promise<void>((resolve) => { if (this.#udp === null) resolve(); else this.#udp.close(resolve); });
    await new Promise<void>((resolve) => { if (this.#tcp === null) resolve(); else this.#tcp.close(() => resolve()); });
  }

  async #listen(): Promise<void> {
    const udp = createSocket('udp4');
    this.#udp = udp;
    udp.on('message', (bytes, { port, address }) => {
      for (const answer of this.#take({ protocol: 'udp', bytes, question: readQuestion(bytes), port })) udp.send(answer, port, address);
    });
    await new Promise<void>((resolve) => udp.bind(53, this.address, resolve));
    const tcp = createServer((stream) => {
      this.#streams.add(stream);
      stream.on('error', () => {});
      stream.on('data', (data) => { // one query a segment: the forwarder sends no other
        const bytes = data.subarray(2);
        for (const answer of this.#take({ protocol: 'tcp', bytes, question: readQuestion(bytes), port: stream.remotePort ?? 0 })) stream.write(framed(answer));
      });
    });
    this.#tcp = tcp;
    await new Promise<void>((resolve) => tcp.listen(53, this.address, resolve));
  }

  #take(received: Received): readonly Buffer[] {
    this.received.push(received);
    return this.answers(received);
  }
}
