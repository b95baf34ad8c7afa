import { existsSync } from 'node:fs';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { runBounded } from '../bounded-process.ts';
import type { Kernel } from '../kernel.ts';
import { Namespaces, type Pin } from '../network/namespaces.ts';
import type { PinNetns } from '../network/networks.ts';
import { KeyedMutex } from './mutex.ts';
import { FailedLine } from './record.ts';
import { mapText, type Users, UsersLine } from './users.ts';

const GIVE_UP_MS = 10_000;

/** The user namespaces of containers that have one, pinned as those of the network are: made before them, since whose a namespace is shows when it is made. */
export class UserNamespaces {
  readonly #kernel: Kernel;
  readonly #core: string;
  readonly #pins: Namespaces;
  readonly #mutex = new KeyedMutex();
  /** Network namespaces that were made with the user namespaces at these paths, and are nobody's yet: descriptors. */
  readonly #networks = new Map<string, number>();

  constructor(kernel: Kernel, core: string, folder: string) {
    this.#kernel = kernel;
    this.#core = core;
    this.#pins = new Namespaces(kernel, folder);
  }

  /**
   * Lets a container live in the user namespace of `home` (an id), which is made where nobody does, with `network` together with one of the network for `networksOf` to take: that costs little then, and a
   * process later. Answers its path.
   */
  async enter(home: string, inhabitant: string, users: Users, network = false): Promise<string> {
    return await this.#mutex.run(home, async () => {
      const shared = this.#pins.enter(home, inhabitant);
      const pin = this.#pins.pin(home);
      if (shared) return pin.path;
      try {
        if (existsSync(pin.path)) await this.#kernel.removeNetns(pin.path, pin.mounts);
        this.#forgetNetwork(pin.path);
        const made = await this.#kernel.createUsers(pin.path, pin.mounts, mapText(users.uids), mapText(users.gids), network);
        if (network) this.#networks.set(pin.path, made);
        return pin.path;
      } catch (error) {
        for (const left of this.#pins.leave(inhabitant)) await this.#pins.remove(left);
        throw error;
      }
    });
  }

  /** A container has left; the namespace goes with the last one. Idempotent. */
  async leave(inhabitant: string): Promise<void> {
    for (const home of this.#pins.leave(inhabitant)) {
      await this.#mutex.run(home, async () => {
        if (!this.#pins.isInhabited(home)) this.#forgetNetwork(this.#pins.pin(home).path);
        await this.#pins.remove(home);
      });
    }
  }

  /** After an engine start: who lives where, by id. What nobody lives in is taken away, but for those of `kept`, of whom it is not known. */
  async restore(inhabitants: ReadonlyMap<string, string>, kept: readonly string[]): Promise<void> {
    await this.#pins.keepOnly([...inhabitants.values(), ...kept]);
    for (const id of kept) this.#pins.enter(id, id);
    for (const [inhabitant, home] of inhabitants) this.#pins.enter(home, inhabitant);
  }

  /** Makes network namespaces that belong to the user namespace at `path`. */
  networksOf(path: string): PinNetns {
    return async (pin) => {
      const made = this.#networks.get(path);
      if (made !== undefined) {
        this.#networks.delete(path);
        await this.#kernel.pinNamespace(made, pin.path, pin.mounts).finally(() => this.#kernel.close(made));
      } else await this.#run(['pin', '--user', path, '--network', pin.path, ...within(pin)]);
    };
  }

  /** The mappings of the user namespace that a file pins. */
  async read(path: string): Promise<Users> {
    const { uids, gids } = UsersLine.parse(JSON.parse(await this.#run(['users', '--user', path])));
    return { uids, gids };
  }

  #forgetNetwork(path: string): void {
    const made = this.#networks.get(path);
    if (made !== undefined) this.#kernel.close(made);
    this.#networks.delete(path);
  }

  /** The engine ends. */
  close(): void {
    for (const path of [...this.#networks.keys()]) this.#forgetNetwork(path);
    this.#pins.close();
  }

  async #run(args: readonly string[]): Promise<string> {
    const ended = await runBounded(this.#core, args, GIVE_UP_MS);
    if (ended === null) throw new BayplanError('users-failed', `bayplan-core ${args[0] ?? ''} did not end within ${GIVE_UP_MS / 1000} s`);
    if (ended.code === 0) return ended.stdout;
    const failed = z.string().transform((text) => FailedLine.parse(JSON.parse(text))).safeParse(ended.stderr);
    throw new BayplanError('users-failed', failed.success ? failed.data.error : ended.stderr.trim());
  }
}

/** The program cannot mount anything by a path through this engine's /proc: it enters the mount namespace. */
function within({ mounts }: Pin): readonly string[] {
  return mounts === -1 ? [] : ['--within', `/proc/${process.pid}/fd/${mounts}`];
}
