import { existsSync } from 'node:fs';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { runBounded } from '../bounded-process.ts';
import type { Kernel } from '../kernel.ts';
import { Namespaces, type Pin } from '../network/namespaces.ts';
import type { PinNetns } from '../network/networks.ts';
import { KeyedMutex } from './mutex.ts';
import { FailedLine } from './record.ts';
import { type Users, UsersLine, usersOptions } from './users.ts';

const GIVE_UP_MS = 10_000;

/** The user namespaces of containers that have one, pinned as those of the network are: made before them, since whose a namespace is shows when it is made. */
export class UserNamespaces {
  readonly #kernel: Kernel;
  readonly #core: string;
  readonly #pins: Namespaces;
  readonly #mutex = new KeyedMutex();

  constructor(kernel: Kernel, core: string, folder: string) {
    this.#kernel = kernel;
    this.#core = core;
    this.#pins = new Namespaces(kernel, folder);
  }

  /** Lets a container live in the user namespace of `home` (an id), which is made where nobody does. Answers its path. */
  async enter(home: string, inhabitant: string, users: Users): Promise<string> {
    return await this.#mutex.run(home, async () => {
      const shared = this.#pins.enter(home, inhabitant);
      const pin = this.#pins.pin(home);
      if (shared) return pin.path;
      try {
        if (existsSync(pin.path)) await this.#kernel.removeNetns(pin.path, pin.mounts);
        await this.#run(['pin', '--user', pin.path, ...within(pin), ...usersOptions(users)]);
        return pin.path;
      } catch (error) {
        for (const left of this.#pins.leave(inhabitant)) await this.#pins.remove(left);
        throw error;
      }
    });
  }

  /** A container has left; the namespace goes with the last one. Idempotent. */
  async leave(inhabitant: string): Promise<void> {
    for (const home of this.#pins.leave(inhabitant)) await this.#mutex.run(home, () => this.#pins.remove(home));
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
      await this.#run(['pin', '--user', path, '--network', pin.path, ...within(pin)]);
    };
  }

  /** The mappings of the user namespace that a file pins. */
  async read(path: string): Promise<Users> {
    const { uids, gids } = UsersLine.parse(JSON.parse(await this.#run(['users', '--user', path])));
    return { uids, gids };
  }

  /** The engine ends. */
  close(): void {
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
