/** The one narrow interface to the kernel that Node's own modules do not give. `loadKernel` is its real form; test/ keeps a recording fake. */
export interface Kernel {
  /**
   * posix_spawn of `file` in a session of its own, signals reset, no descriptor but those of `fds` (child number → our
   * descriptor; 0–2 not named are /dev/null). The program must fork itself: resolves when the first process has exited with 0, and
   * rejects with a KernelError otherwise. Never blocks the event loop.
   */
  spawnDetached(file: string, argv: readonly string[], env: readonly string[], fds: ReadonlyMap<number, number>): Promise<void>;
  /** pipe2(O_CLOEXEC): [read end, write end]. */
  pipe(): [number, number];
  close(fd: number): void;
  /** flock(LOCK_EX|LOCK_NB) on a file that is made where missing. The descriptor that holds it, or null where another process does. */
  lock(path: string): number | null;
  /** Makes a network namespace, pinned by a bind mount on `path` (an empty file is made); loopback is up in it. */
  createNetns(path: string): Promise<void>;
  /** Unmounts (MNT_DETACH) and unlinks; nothing to remove is no error. */
  removeNetns(path: string): Promise<void>;
  /** Makes `path` a private mount point of itself, once, so that pinned namespaces reach no other mount namespace. */
  privateMount(path: string): void;
  detachMount(path: string): void;
  /**
   * Sends `messages` (each one whole nlmsghdr; lengths, sequence numbers and NLM_F_ACK are set here) in one sendmsg on a
   * NETLINK_ROUTE socket of the namespace pinned at `netns` (null: the engine's own). Answers, per message: the errno (0 success) and
   * the payloads of a dump.
   */
  netlink(netns: string | null, messages: readonly Buffer[]): Promise<readonly NetlinkAnswer[]>;
  /** Runs nft text as one transaction, synchronously; `json` asks for JSON output. Throws KernelError with libnftables' message. */
  nft(text: string, json?: boolean): string;
  /** Sends by pidfd, only if the process's start time (/proc/PID/stat field 22) is `startTime`. False: it is gone. */
  signal(pid: number, startTime: number, signal: number): boolean;
  /** Binds and (tcp, sctp) listens on a host port, which reserves it. Returns the descriptor, and the port where 0 was asked. Throws KernelError (EADDRINUSE…). */
  reservePort(protocol: 'tcp' | 'udp' | 'sctp', ip: string, port: number): { fd: number; port: number };
}

export interface NetlinkAnswer { readonly errno: number; readonly payloads: readonly Buffer[] }

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
