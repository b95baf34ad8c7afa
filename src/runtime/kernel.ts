import { constants } from 'node:os';

/** The one narrow interface to the kernel that Node's own modules do not give. loaded-kernel.ts has its real form; test/ keeps a recording fake. */
export interface Kernel {
  /**
   * posix_spawn of `file` in a session of its own, signals reset, no descriptor but those of `fds` (child number → our
   * descriptor; 0–2 not named are /dev/null). It is no child of this process. Rejects with a KernelError where it cannot be run.
   */
  spawnDetached(file: string, argv: readonly string[], env: readonly string[], fds: ReadonlyMap<number, number>): Promise<void>;
  /** Starts a process of the program `core` that starts others of its commands when it gets an `order`, and answers the descriptor for that. Rejects with a KernelError where it cannot be run. */
  openNursery(core: string): Promise<number>;
  /** Has it start `argv` as `spawnDetached` does, soon. Throws a KernelError of sendmsg: EAGAIN where there is no room for it just now. */
  order(nursery: number, argv: readonly string[], fds: ReadonlyMap<number, number>): void;
  /** Lets it end, and waits for that. */
  closeNursery(nursery: number): void;
  /** execve with the environment of this process, which is another program from then on. Throws KernelError. */
  exec(file: string, argv: readonly string[]): never;
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
  /** Lets go of the namespace that is made ahead, shortly after `connectNetns`, for the next one without IPv6. */
  forgetSpareNetns(): void;
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

/** Symbolic name of an errno, `errno 4711` where Node does not know it. */
export function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === errno);
  return found?.[0] ?? `errno ${errno}`;
}
