import koffi, { type LibraryHandle } from 'koffi';
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import PQueue from 'p-queue';
import { joinMessages, readAnswers } from './network/netlink.ts';

/** The one narrow interface to the kernel that Node's own modules do not give. `loadKernel` is its real form; test/ keeps a recording fake. */
export interface Kernel {
  /**
   * posix_spawn of `file` in a session of its own, signals reset, no descriptor but those of `fds` (child number → our
   * descriptor; 0–2 not named are /dev/null). It is no child of this process. Rejects with a KernelError where it cannot be run.
   */
  spawnDetached(file: string, argv: readonly string[], env: readonly string[], fds: ReadonlyMap<number, number>): Promise<void>;
  /** pipe2(O_CLOEXEC): [read end, write end]. */
  pipe(): [number, number];
  /** socketpair of connected streams, both closed on exec. */
  socketPair(): [number, number];
  close(fd: number): void;
  /** flock(LOCK_EX|LOCK_NB) on a file that is made where missing. The descriptor that holds it, or null where another process does. */
  lock(path: string): number | null;
  /** The mount namespace for pins that a mount on the file `place` in `folder` keeps; made where there is none. */
  openPins(folder: string, place: string): PinsFolder;
  /**
   * Makes a network namespace, pinned by a mount on `path` (an empty file is made; EEXIST where there is one), in the mount namespace of descriptor `mounts` (-1: the engine's own); loopback is up in it. As in Docker:
   * ports below 1024 and ping are open to every user there. Links made later have no IPv6. `there`: it is pinned there already, and nothing is in it.
   */
  createNetns(path: string, mounts?: number, there?: boolean): Promise<void>;
  /**
   * The same with its links, in one call: then `outer` is sent in the engine's own namespace and `inner` in the new one, as `netlink` does it. The descriptor
   * `netns`, of the caller's, is made to lead to the new namespace before, so that `outer` can name it; with `ipv6` its links have that. No namespace is left where it rejects; answers that are errors
   * reject nothing.
   */
  connectNetns(path: string, mounts: number, there: boolean, netns: number, ipv6: boolean, outer: OuterMessages, inner: readonly Buffer[]): Promise<{ readonly outer: readonly NetlinkAnswer[]; readonly inner: readonly NetlinkAnswer[] }>;
  /** Writes a setting, `path` below /proc/sys/net, of the namespace pinned at `netns`. */
  netnsSysctl(netns: string, path: string, value: string): Promise<void>;
  /**
   * Makes a user namespace with these mappings (lines as in uid_map), pinned on `path` in the mount namespace `mounts` (-1: this one), and with `network` a network namespace that is its property: its
   * descriptor is answered, -1 without.
   */
  createUsers(path: string, mounts: number, uids: string, gids: string, network: boolean): Promise<number>;
  /** Pins a namespace, by its descriptor, likewise. */
  pinNamespace(fd: number, path: string, mounts: number): Promise<void>;
  /** Lets links that are made later in the namespace pinned at `netns` have IPv6, as `connectNetns` does. */
  netnsIpv6(netns: string): Promise<void>;
  /** Unmounts (MNT_DETACH) and unlinks, in the mount namespace of descriptor `mounts` (-1: the engine's own); nothing to remove is no error. */
  removeNetns(path: string, mounts?: number): Promise<void>;
  /** Mounts a private tmpfs on the folder `path`, once: what is in it dies with the boot, costs no disk, and mounts below it reach no other mount namespace. */
  privateMount(path: string): void;
  /** Makes the mount at `path` read-only, with programs that may be run. */
  sealMount(path: string): void;
  detachMount(path: string): void;
  /** Tells ext4 to put the folders made in `path` into different block groups, where few inodes were deleted shortly before. */
  spreadTree(path: string): void;
  /** Removes a folder and all in it, following nothing; nothing there is no error. One call, where fs.rm makes ten. */
  removeTree(path: string): Promise<void>;
  /** fsync of each file and folder; those that have gone need none. */
  sync(paths: readonly string[]): Promise<void>;
  /**
   * Sends `messages` (each one whole nlmsghdr; lengths, sequence numbers and NLM_F_ACK are set here) in one sendmsg on a
   * NETLINK_ROUTE socket of the namespace pinned at `netns` (null: the engine's own). Answers, per message: the errno (0 success) and
   * the payloads of a dump. `protocol` 12 speaks to netfilter (connection tracking) instead.
   */
  netlink(netns: string | null, messages: readonly Buffer[], protocol?: number): Promise<readonly NetlinkAnswer[]>;
  /** Runs nft text as one transaction, synchronously; `json` asks for JSON output. Throws KernelError with libnftables' message. */
  nft(text: string, json?: boolean): string;
  /** Frees what libnftables holds, until the next `nft`. */
  forgetNft(): void;
  /** Binds and (tcp, sctp) listens on a host port, which reserves it. Returns the descriptor, and the port where 0 was asked. Throws KernelError (EADDRINUSE…). */
  reservePort(protocol: 'tcp' | 'udp' | 'sctp', ip: string, port: number): { fd: number; port: number };
  /** A stream socket on which a thread tells what changes in the kernel, as native/lib_api.h says; the thread ends when it is closed. */
  watch(): number;
}

/** A mount namespace that holds one folder: a descriptor of it, and one of the folder, below which anything there can be opened. */
export interface PinsFolder { readonly mounts: number; readonly root: number }

/** What makes links, the names of those that get no IPv6 of their own in the engine's namespace, and what is sent after that. Answers are in this order. */
export interface OuterMessages { readonly births: readonly Buffer[]; readonly ports: readonly string[]; readonly rest: readonly Buffer[] }

/** `errno` 0 is success; `message` is what the kernel says about a failure, '' where it says nothing. Payloads are without their nlmsghdr. */
export interface NetlinkAnswer { readonly errno: number; readonly message: string; readonly payloads: readonly Buffer[] }

/** A failed kernel call: `syscall` and `errno` as the kernel gave it, `path` or object where there is one. */
export class KernelError extends Error {
  readonly syscall: string;
  /** Symbolic, as `EBUSY`. */
  readonly code: string;
  readonly path: string;
  constructor(syscall: string, code: string, path: string, detail = '') {
    super(`${syscall}${path === '' ? '' : ` ${path}`}: ${code}${detail === '' ? '' : ` (${detail})`}`);
    this.name = 'KernelError';
    this.syscall = syscall;
    this.code = code;
    this.path = path;
  }
}

const IPPROTO = { tcp: 6, udp: 17, sctp: 132 } as const;
/** libnftables: NFT_CTX_OUTPUT_JSON, and the codes of `nft_ctx_output_set_flags`. */
const NFT_JSON = 1 << 4;
/** Calls handed to libuv's threads at once. koffi throws beyond 256, and more than there are threads only wait. */
const CALLS_AT_ONCE = 16;
/** So long after the last call the C library gives back what was freed: a thousand links and their rules leave 30 MiB. */
const TRIM_MS = 2000;

/** Symbolic name of an errno, `errno 4711` where Node does not know it. */
export function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === errno);
  return found?.[0] ?? `errno ${errno}`;
}

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
  readonly #pinsOpen: Native;
  readonly #netnsCreate: Native;
  readonly #netnsConnect: Native;
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
  readonly #calls = new PQueue({ concurrency: CALLS_AT_ONCE });
  #rules: Rules | null = null;

  constructor(library: LibraryHandle) {
    this.#spawn = library.func('int lib_spawn_detached(const char *file, const char **argv, const char **envp, const int *fds, int nfds, void *err)');
    this.#pinsOpen = library.func('int lib_pins_open(const char *folder, const char *place, _Out_ int *mounts, _Out_ int *root, void *err)');
    this.#netnsCreate = library.func('int lib_netns_create(const char *path, int mounts, int there, void *err)');
    this.#netnsConnect = library.func('int lib_netns_connect(const char *path, int mounts, int there, int ns, int ipv6, uint32_t births, const char *ports, const void *outer, uint32_t outerLength, _Out_ void **outerReply, _Out_ uint32_t *outerReplyLength, '
      + 'const void *inner, uint32_t innerLength, _Out_ void **innerReply, _Out_ uint32_t *innerReplyLength, void *err)');
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
    this.#rules ??= new Rules();
    return this.#rules.run(text, json);
  }

  forgetNft(): void {
    this.#rules?.free();
    this.#rules = null;
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

/** libnftables with one context, made in the namespace of the thread that loads it. */
class Rules {
  readonly #context: unknown;
  readonly #run: Native;
  readonly #flags: Native;
  readonly #output: Native;
  readonly #error: Native;
  readonly #free: Native;

  constructor() {
    const library = koffi.load('libnftables.so.1');
    this.#run = library.func('int nft_run_cmd_from_buffer(void *ctx, const char *text)');
    this.#flags = library.func('void nft_ctx_output_set_flags(void *ctx, unsigned int flags)');
    this.#output = library.func('const char *nft_ctx_get_output_buffer(void *ctx)');
    this.#error = library.func('const char *nft_ctx_get_error_buffer(void *ctx)');
    this.#free = library.func('void nft_ctx_free(void *ctx)');
    this.#context = library.func('void *nft_ctx_new(uint32_t flags)')(0);
    library.func('int nft_ctx_buffer_output(void *ctx)')(this.#context);
    library.func('int nft_ctx_buffer_error(void *ctx)')(this.#context);
  }

  free(): void {
    this.#free(this.#context);
  }

  run(text: string, json: boolean): string {
    this.#flags(this.#context, json ? NFT_JSON : 0);
    const result: number = this.#run(this.#context, text);
    const output: string = this.#output(this.#context);
    const complaint: string = this.#error(this.#context);
    if (result !== 0) throw new KernelError('nft', nftCode(complaint), '', complaint.trim().split('\n')[0] ?? '');
    return output;
  }
}

/** libnftables answers in words only; these are strerror's. */
function nftCode(complaint: string): string {
  if (complaint.includes('No such file or directory')) return 'ENOENT';
  if (complaint.includes('File exists')) return 'EEXIST';
  if (complaint.includes('Operation not permitted')) return 'EPERM';
  if (complaint.includes('Device or resource busy')) return 'EBUSY';
  return 'EINVAL';
}
