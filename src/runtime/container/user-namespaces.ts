import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { runBounded } from '../bounded-process.ts';
import type { Kernel } from '../kernel.ts';
import { Namespaces } from '../network/namespaces.ts';
import type { PinNetns } from '../network/networks.ts';
import { KeyedMutex } from './mutex.ts';
import { FailedLine } from './record.ts';
import { type Users, UsersLine, usersOptions } from './users.ts';

const GIVE_UP_MS = 10_000;

/** The user namespaces of containers that have one, pinned as those of the network are: made before them, since whose a namespace is shows when it is made. */
export class UserNamespaces {
  readonly #kernel: Kernel;
  readonly #core: string;
  readonly #folder: string;
  readonly #pins: Namespaces;
  readonly #mutex = new KeyedMutex();

  constructor(kernel: Kernel, core: string, folder: string) {
    this.#kernel = kernel;
    this.#core = core;
    this.#folder = folder;
    this.#pins = new Namespaces(kernel, folder);
  }

  /** Lets a container live in the user namespace of `home` (an id), which is made where nobody does. Answers its path. */
  async enter(home: string, inhabitant: string, users: Users): Promise<string> {
    const path = this.#pins.path(home);
    await this.#mutex.run(home, async () => {
      if (this.#pins.enter(home, inhabitant)) return;
      try {
        if (existsSync(path)) await this.#kernel.removeNetns(path);
        await this.#run(['pin', '--user', path, ...usersOptions(users)]);
      } catch (error) {
        await this.leave(inhabitant);
        throw error;
      }
    });
    return path;
  }

  /** A container has left; the namespace goes with the last one. Idempotent. */
  async leave(inhabitant: string): Promise<void> {
    for (const home of this.#pins.leave(inhabitant)) await this.#pins.remove(home);
  }

  /** After an engine start: who lives where, by id. What nobody lives in is taken away, but for those of `kept`, of whom it is not known. */
  async restore(inhabitants: ReadonlyMap<string, string>, kept: readonly string[]): Promise<void> {
    const alive = new Set([...inhabitants.values(), ...kept].map((home) => home.slice(0, 16)));
    if (existsSync(this.#folder)) for (const name of readdirSync(this.#folder)) if (!alive.has(name)) await this.#kernel.removeNetns(join(this.#folder, name));
    if (alive.size === 0) this.#kernel.detachMount(this.#folder);
    for (const [inhabitant, home] of inhabitants) this.#pins.enter(home, inhabitant);
  }

  /** Makes network namespaces that belong to the user namespace at `path`. */
  networksOf(path: string): PinNetns {
    return async (netns) => {
      await this.#run(['pin', '--user', path, '--network', netns]);
    };
  }

  /** The mappings of the user namespace that a file pins. */
  async read(path: string): Promise<Users> {
    const { uids, gids } = UsersLine.parse(JSON.parse(await this.#run(['users', '--user', path])));
    return { uids, gids };
  }

  async #run(args: readonly string[]): Promise<string> {
    const ended = await runBounded(this.#core, args, GIVE_UP_MS);
    if (ended === null) throw new BayplanError('users-failed', `bayplan-core ${args[0] ?? ''} did not end within ${GIVE_UP_MS / 1000} s`);
    if (ended.code === 0) return ended.stdout;
    const failed = z.string().transform((text) => FailedLine.parse(JSON.parse(text))).safeParse(ended.stderr);
    throw new BayplanError('users-failed', failed.success ? failed.data.error : ended.stderr.trim());
  }
}
