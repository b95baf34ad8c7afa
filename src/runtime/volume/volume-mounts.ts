import { BayplanError } from '../../state/bayplan-error.ts';
import type { VolumeSpec } from '../../state/volume.ts';
import { KeyedMutex } from '../container/mutex.ts';
import { mountVolume, unmountVolume } from './core-mount.ts';
import { mountRequestOf } from './mount-options.ts';
import { mountsBelow } from './mount-table.ts';

/**
 * Volumes that are mounts. Invariants:
 * - a volume is mounted once, however many containers use it, from before the first one starts until the last one has ended;
 * - what is mounted is read from the kernel each time: another engine may have mounted it, a person unmounted it.
 */
export class VolumeMounts {
  readonly #core: string;
  readonly #users = new Map<string, Set<string>>();
  readonly #mutex = new KeyedMutex();

  constructor(core: string) {
    this.#core = core;
  }

  /** Notes that a container that runs uses a volume. */
  adopt(name: string, user: string): void {
    this.#users.set(name, new Set(this.#users.get(name)).add(user));
  }

  /** Mounts a volume on `target` for a user. A volume without `driver_opts` needs none. */
  async attach(name: string, spec: VolumeSpec, target: string, user: string): Promise<void> {
    const request = mountRequestOf(spec);
    if (request === null) return;
    await this.#mutex.run(name, async () => {
      if (mountsBelow(target).length === 0) await mountVolume(this.#core, name, request, target);
      this.adopt(name, user);
    });
  }

  /** Whether somebody has unmounted a volume that containers use: they have it still, others would not. `table`: the mounts of this host. */
  isLost(name: string, target: string, table: string): boolean {
    return (this.#users.get(name)?.size ?? 0) > 0 && mountsBelow(target, table).length === 0;
  }

  /** Lets go of a volume, and unmounts it after its last user. */
  async detach(name: string, target: string, user: string): Promise<void> {
    const users = this.#users.get(name);
    if (users?.delete(user) === true) await this.unmountUnused(name, target);
  }

  async unmountUnused(name: string, target: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      if ((this.#users.get(name)?.size ?? 0) > 0) return;
      this.#users.delete(name);
      for (const path of mountsBelow(target).toReversed()) await unmountVolume(this.#core, path);
    });
  }
}

/** What is removed must hold no mount: its data would be removed through it. Throws BayplanError `conflict`. */
export function refuseMounted(what: string, folder: string): void {
  const [mounted] = mountsBelow(folder);
  if (mounted !== undefined) throw new BayplanError('conflict', `${what} is mounted at ${mounted}: stop the containers that use it, or unmount it, first`);
}
