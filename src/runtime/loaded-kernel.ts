import koffi, { type LibraryHandle } from 'koffi';
import { closeSync } from 'node:fs';
import PQueue from 'p-queue';
import { errnoName, type Kernel, KernelError, type NetlinkAnswer, type OuterMessages, type PinsFolder } from './kernel.ts';
import { Libnftables } from './libnftables.ts';
import { joinMessages, readAnswers } from './network/netlink.ts';

const IPPROTO = { tcp: 6, udp: 17, sctp: 132 } as const;
/** Calls handed to libuv's threads at once. koffi throws beyond 256, and more than there are threads only wait. */
const CALLS_AT_ONCE = 16;
/** So long after the last call the C library gives back what was freed: a thousand links and their rules leave 30 MiB. */
const TRIM_MS = 2000;
/** So long after a network namespace was made the next one is made ahead: a container that starts has its processor time before. */
const SPARE_MS = 15;

/** Loads build/libbayplan.so (`library`, an absolute path) and, when rules are first asked for, libnftables. */
export function loadKernel(library: string): Kernel {
  keepCalls();
  return new LoadedKernel(koffi.load(library));
}

/** What a call needs is kept for the next one: to map and unmap it each time costs more than the call itself. */
function keepCalls(): void {
  if (koffi.config().resident_async_pools === CALLS_AT_ONCE) return;
  try {
    koffi.config({ resident_async_pools: CALLS_AT_ONCE });
  } catch {
    // A program that has loaded something by koffi before has its settings, and calls cost more.
  }
}

/** Of programs of the core, and of what they run on the host. */
const CORE_ENVIRONMENT = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];

/** `struct error` of native/error.h. */
const ErrorStruct = koffi.struct({
  errnum: 'int', syscall: koffi.array('char', 32, 'String'), path: koffi.array('char', 512, 'String'), text: koffi.array('char', 704, 'String'), exit_code: 'int',
});

/** A failure as C filled it in. The buffer is too big for V8's own heap, so it does not move while a thread writes to it. */
class Failure {
  readonly buffer = Buffer.alloc(koffi.sizeof(ErrorStruct));
  thrown(call: string): KernelError {
    const { errnum, syscall, path, text }: { errnum: number; syscall: string; path: string; text: string } = koffi.decode(this.buffer, ErrorStruct);
    return errnum === 0 ? new KernelError(call, 'EFAILED', '', text) : new KernelError(syscall, errnoName(errnum), path);
  }
}

/** A request of netlink messages, and where C puts the answers. */
class Exchange {
  readonly #count: number;
  readonly #request: Buffer;
  readonly #reply: unknown[] = [null];
  readonly #length = [0];

  constructor(messages: readonly Buffer[]) {
    this.#count = messages.length;
    this.#request = joinMessages(messages);
  }

  get args(): readonly unknown[] {
    return [this.#request, this.#request.length, this.#reply, this.#length];
  }

  /** Reads the answers, and lets go of them. */
  answers(free: Native): readonly NetlinkAnswer[] {
    try {
      return readAnswers(Buffer.from(koffi.view(this.#reply[0], this.#length[0] ?? 0)), this.#count);
    } finally {
      free(this.#reply[0]);
    }
  }
}

type Native = ReturnType<LibraryHandle['func']>;

class LoadedKernel implements Kernel {
  readonly #spawn: Native;
  readonly #nurseryOpen: Native;
  readonly #nurseryOrder: Native;
  readonly #nurseryClose: Native;
  readonly #exec: Native;
  readonly #pinsOpen: Native;
  readonly #netnsCreate: Native;
  readonly #netnsConnect: Native;
  readonly #netnsSpare: Native;
  readonly #netnsNoSpare: Native;
  readonly #usersCreate: Native;
  readonly #pin: Native;
  readonly #netnsSysctl: Native;
  readonly #netnsIpv6: Native;
  readonly #netnsRemove: Native;
  readonly #mountPrivate: Native;
  readonly #mountDetach: Native;
  readonly #mountSeal: Native;
  readonly #treeRemove: Native;
  readonly #treeSpread: Native;
  readonly #netlink: Native;
  readonly #free: Native;
  readonly #pipe: Native;
  readonly #socketPair: Native;
  readonly #sync: Native;
  readonly #lock: Native;
  readonly #reservePort: Native;
  readonly #watch: Native;
  readonly #trim: Native;
  #trimTimer: NodeJS.Timeout | null = null;
  #spareTimer: NodeJS.Timeout | null = null;
  readonly #calls = new PQueue({ concurrency: CALLS_AT_ONCE });
  #nft: Libnftables | null = null;

  constructor(library: LibraryHandle) {
    this.#spawn = library.func('int lib_spawn_detached(const char *file, const char **argv, const char **envp, const int *fds, int nfds, void *err)');
    this.#nurseryOpen = library.func('int lib_nursery_open(const char *core, const char **envp, _Out_ int *orders, void *err)');
    this.#nurseryOrder = library.func('int lib_nursery_order(int orders, const void *text, uint32_t length, const int *fds, int nfds, void *err)');
    this.#nurseryClose = library.func('void lib_nursery_close(int orders)');
    this.#exec = library.func('int lib_exec(const char *file, const char **argv, void *err)');
    this.#pinsOpen = library.func('int lib_pins_open(const char *folder, const char *place, _Out_ int *mounts, _Out_ int *root, void *err)');
    this.#netnsCreate = library.func('int lib_netns_create(const char *path, int mounts, int there, void *err)');
    this.#netnsConnect = library.func('int lib_netns_connect(const char *path, int mounts, int there, int ns, int ipv6, uint32_t births, const char *ports, const void *outer, uint32_t outerLength, _Out_ void **outerReply, _Out_ uint32_t *outerReplyLength, '
      + 'const void *inner, uint32_t innerLength, _Out_ void **innerReply, _Out_ uint32_t *innerReplyLength, void *err)');
    this.#netnsSpare = library.func('int lib_netns_spare(void *err)');
    this.#netnsNoSpare = library.func('void lib_netns_no_spare()');
    this.#usersCreate = library.func('int lib_userns_create(const char *path, int mounts, const char *uids, const char *gids, int withNetwork, _Out_ int *network, void *err)');
    this.#pin = library.func('int lib_pin(int ns, int mounts, const char *path, void *err)');
    this.#netnsSysctl = library.func('int lib_netns_sysctl(const char *netns, const char *path, const char *value, void *err)');
    this.#netnsIpv6 = library.func('int lib_netns_ipv6(const char *netns, void *err)');
    this.#netnsRemove = library.func('int lib_netns_remove(const char *path, int mounts, void *err)');
    this.#mountPrivate = library.func('int lib_mount_private(const char *path, void *err)');
    this.#mountDetach = library.func('int lib_mount_detach(const char *path, void *err)');
    this.#mountSeal = library.func('int lib_mount_seal(const char *path, void *err)');
    this.#treeSpread = library.func('int lib_tree_spread(const char *path, void *err)');
    this.#treeRemove = library.func('int lib_tree_remove(const char *path, void *err)');
    this.#netlink = library.func('int lib_netlink(const char *netns, int protocol, const void *request, uint32_t length, _Out_ void **reply, _Out_ uint32_t *replyLength, void *err)');
    this.#free = library.func('void lib_free(void *pointer)');
    this.#pipe = library.func('int lib_pipe(_Out_ int *out, void *err)');
    this.#socketPair = library.func('int lib_socket_pair(_Out_ int *out, void *err)');
    this.#sync = library.func('int lib_sync(const char **paths, int count, void *err)');
    this.#lock = library.func('int lib_lock(const char *path, void *err)');
    this.#reservePort = library.func('int lib_reserve_port(int protocol, const char *ip, int port, _Out_ int *bound, void *err)');
    this.#trim = library.func('void lib_trim()');
    this.#watch = library.func('int lib_watch(_Out_ int *out, void *err)');
  }

  async spawnDetached(file: string, argv: readonly string[], env: readonly string[], fds: ReadonlyMap<number, number>): Promise<void> {
    const pairs = [...fds].flat();
    // A list must not be empty for koffi to pass a pointer: one pair too many is never read.
    await this.#onThread(this.#spawn, 'posix_spawn', [file, [...argv, null], [...env, null], [...pairs, -1, -1], fds.size]);
  }

  async openNursery(core: string): Promise<number> {
    const orders = [-1];
    await this.#onThread(this.#nurseryOpen, 'posix_spawn', [core, [...CORE_ENVIRONMENT, null], orders]);
    return orders[0] ?? -1;
  }

  order(nursery: number, argv: readonly string[], fds: ReadonlyMap<number, number>): void {
    const text = Buffer.from([[...fds.keys()].join(' '), ...argv, ''].join('\0'));
    here(this.#nurseryOrder, 'sendmsg', [nursery, text, text.length, [...fds.values(), -1], fds.size]);
  }

  closeNursery(nursery: number): void {
    this.#nurseryClose(nursery);
  }

  exec(file: string, argv: readonly string[]): never {
    here(this.#exec, 'execve', [file, [...argv, null]]);
    throw new KernelError('execve', 'EFAILED', file);
  }

  pipe(): [number, number] {
    const ends: [number, number] = [0, 0];
    here(this.#pipe, 'pipe2', [ends]);
    return ends;
  }

  socketPair(): [number, number] {
    const ends: [number, number] = [0, 0];
    here(this.#socketPair, 'socketpair', [ends]);
    return ends;
  }

  close(fd: number): void {
    closeSync(fd);
  }

  lock(path: string): number | null {
    try {
      return here(this.#lock, 'flock', [path]);
    } catch (error) {
      if (error instanceof KernelError && (error.code === 'EWOULDBLOCK' || error.code === 'EAGAIN')) return null;
      throw error;
    }
  }

  openPins(folder: string, place: string): PinsFolder {
    const [mounts, root] = [[-1], [-1]];
    here(this.#pinsOpen, 'unshare', [folder, place, mounts, root]);
    return { mounts: mounts[0] ?? -1, root: root[0] ?? -1 };
  }

  async createNetns(path: string, mounts = -1, there = false): Promise<void> {
    await this.#onThread(this.#netnsCreate, 'unshare', [path, mounts, Number(there)]);
  }

  async connectNetns(path: string, mounts: number, there: boolean, netns: number, ipv6: boolean, { births, ports, rest }: OuterMessages, inner: readonly Buffer[]): ReturnType<Kernel['connectNetns']> {
    const [first, second] = [new Exchange([...births, ...rest]), new Exchange(inner)];
    await this.#onThread(this.#netnsConnect, 'unshare', [path, mounts, Number(there), netns, Number(ipv6), births.length, ports.join(' '), ...first.args, ...second.args]);
    this.#spareLater();
    return { outer: first.answers(this.#free), inner: second.answers(this.#free) };
  }

  async createUsers(path: string, mounts: number, uids: string, gids: string, network: boolean): Promise<number> {
    const made = [-1];
    await this.#onThread(this.#usersCreate, 'clone', [path, mounts, uids, gids, Number(network), made]);
    return made[0] ?? -1;
  }

  async pinNamespace(fd: number, path: string, mounts: number): Promise<void> {
    await this.#onThread(this.#pin, 'move_mount', [fd, mounts, path]);
  }

  forgetSpareNetns(): void {
    if (this.#spareTimer !== null) clearTimeout(this.#spareTimer);
    this.#spareTimer = null;
    this.#netnsNoSpare();
  }

  async netnsSysctl(netns: string, path: string, value: string): Promise<void> {
    await this.#onThread(this.#netnsSysctl, 'write', [netns, path, value]);
  }

  async netnsIpv6(netns: string): Promise<void> {
    await this.#onThread(this.#netnsIpv6, 'write', [netns]);
  }

  async removeNetns(path: string, mounts = -1): Promise<void> {
    await this.#onThread(this.#netnsRemove, 'umount', [path, mounts]);
  }

  privateMount(path: string): void {
    here(this.#mountPrivate, 'mount', [path]);
  }

  sealMount(path: string): void {
    here(this.#mountSeal, 'mount', [path]);
  }

  spreadTree(path: string): void {
    here(this.#treeSpread, 'ioctl', [path]);
  }

  async removeTree(path: string): Promise<void> {
    await this.#onThread(this.#treeRemove, 'unlink', [path]);
  }

  async sync(paths: readonly string[]): Promise<void> {
    if (paths.length > 0) await this.#onThread(this.#sync, 'fsync', [paths, paths.length]);
  }

  detachMount(path: string): void {
    here(this.#mountDetach, 'umount', [path]);
  }

  async netlink(netns: string | null, messages: readonly Buffer[], protocol = 0): Promise<readonly NetlinkAnswer[]> {
    if (messages.length === 0) return [];
    this.#trimLater();
    const exchange = new Exchange(messages);
    await this.#onThread(this.#netlink, 'netlink', [netns, protocol, ...exchange.args]);
    return exchange.answers(this.#free);
  }

  nft(text: string, json = false): string {
    this.#trimLater();
    this.#nft ??= new Libnftables();
    return this.#nft.run(text, json);
  }

  forgetNft(): void {
    this.#nft?.free();
    this.#nft = null;
  }

  reservePort(protocol: 'tcp' | 'udp' | 'sctp', ip: string, port: number): { fd: number; port: number } {
    const bound = [0];
    const fd = here(this.#reservePort, 'bind', [IPPROTO[protocol], ip, port, bound]);
    return { fd, port: bound[0] ?? port };
  }

  watch(): number {
    const end = [-1];
    here(this.#watch, 'watch', [end]);
    return end[0] ?? -1;
  }

  /** One that is made where nobody waits for it. A failure is told where the next one is needed. */
  #spareLater(): void {
    this.#spareTimer = this.#spareTimer?.refresh() ?? setTimeout(() => { this.#onThread(this.#netnsSpare, 'unshare', []).then(() => { if (this.#spareTimer === null) this.#netnsNoSpare(); }, () => undefined); }, SPARE_MS).unref();
  }

  #trimLater(): void {
    this.#trimTimer = this.#trimTimer?.refresh() ?? setTimeout(() => this.#trim.async(() => undefined), TRIM_MS).unref();
  }

  async #onThread(call: Native, name: string, args: readonly unknown[]): Promise<void> {
    const failure = new Failure();
    const result = await this.#calls.add(() => new Promise<number>((resolve, reject) => {
      // Referring to the arguments keeps them alive until the call has ended: koffi does not do so by itself.
      const whole = [...args, failure.buffer];
      call.async(...whole, (error: Error | null, returned: number) => {
        if (error !== null) reject(error);
        else resolve(whole.length > 0 ? returned : 0);
      });
    }));
    if (result < 0) throw failure.thrown(name);
  }
}

function here(call: Native, name: string, args: readonly unknown[]): number {
  const failure = new Failure();
  const result: number = call(...args, failure.buffer);
  if (result < 0) throw failure.thrown(name);
  return result;
}
