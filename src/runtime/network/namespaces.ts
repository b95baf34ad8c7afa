import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel, PinsFolder } from '../kernel.ts';

/** A pinned namespace: where whoever may see this engine's /proc opens it, and the mount namespace that the mount lies in, as a descriptor (-1: the host's). */
export interface Pin { readonly path: string; readonly mounts: number }

/** Keeps the mount namespace that holds the pins. */
const PLACE = 'pins';

/**
 * The namespaces of containers, pinned by files, and who lives in each: its own container, and those that share it. A namespace outlives its processes: it goes when the last one
 * who lives there has left. The pins lie in a mount namespace of their own, which is kept by a mount in `folder`: in the host's each new container's mount namespace would get a copy of all
 * of them. What an engine of an earlier build pinned in `folder` itself stays there.
 */
export class Namespaces {
  readonly #kernel: Kernel;
  readonly #folder: string;
  readonly #inhabitants = new Map<string, Set<string>>();
  readonly #former = new Set<string>();
  #pins: PinsFolder | null = null;

  constructor(kernel: Kernel, folder: string) {
    this.#kernel = kernel;
    this.#folder = folder;
  }

  /** Where the namespace of container `id` is pinned, or is to be. */
  pin(id: string): Pin {
    const name = nameOf(id);
    if (this.#former.has(name)) return { path: join(this.#folder, name), mounts: -1 };
    const { mounts, root } = this.#open();
    return { path: `/proc/${process.pid}/fd/${root}/${name}`, mounts };
  }

  isInhabited(id: string): boolean {
    return (this.#inhabitants.get(id)?.size ?? 0) > 0;
  }

  /** Notes that `inhabitant` lives in the namespace of `owner` from now on. True where it is there with somebody in it already. */
  enter(owner: string, inhabitant: string): boolean {
    this.#open();
    const before = this.#inhabitants.get(owner);
    const shared = before !== undefined && [...before].some((other) => other !== inhabitant) && existsSync(this.pin(owner).path);
    this.#inhabitants.set(owner, new Set([...(before ?? []), inhabitant]));
    return shared;
  }

  /** Whose namespace nobody lives in any more once `inhabitant` has left. */
  leave(inhabitant: string): readonly string[] {
    const empty: string[] = [];
    for (const [owner, inhabitants] of this.#inhabitants) {
      if (inhabitants.delete(inhabitant) && inhabitants.size === 0) empty.push(owner);
    }
    return empty;
  }

  /** Removes a namespace that nobody lives in. */
  async remove(owner: string): Promise<void> {
    if (this.isInhabited(owner)) return; // somebody has come meanwhile
    this.#inhabitants.delete(owner);
    const pin = this.pin(owner);
    if (existsSync(pin.path)) await this.#kernel.removeNetns(pin.path, pin.mounts);
    this.#former.delete(nameOf(owner));
  }

  /** After an engine start, before anybody enters: removes all namespaces but those of `owners` (ids). */
  async keepOnly(owners: Iterable<string>): Promise<void> {
    const alive = new Set([...owners].map(nameOf));
    if (existsSync(this.#folder)) {
      const { mounts, root } = this.#open();
      for (const name of this.#former) {
        if (alive.has(name)) continue;
        await this.#kernel.removeNetns(join(this.#folder, name), -1);
        this.#former.delete(name);
      }
      const own = `/proc/self/fd/${root}`;
      for (const name of readdirSync(own)) if (!alive.has(name)) await this.#kernel.removeNetns(join(own, name), mounts);
    }
  }

  /** The engine ends. The mount namespace goes where nothing is pinned in it; until then it stays, for it takes the kernel longer to make than a container's. */
  close(): void {
    if (this.#pins === null) return;
    const isEmpty = this.#former.size === 0 && readdirSync(`/proc/self/fd/${this.#pins.root}`).length === 0;
    for (const fd of [this.#pins.mounts, this.#pins.root]) this.#kernel.close(fd);
    this.#pins = null;
    if (isEmpty) this.#kernel.detachMount(this.#folder);
  }

  #open(): PinsFolder {
    if (this.#pins !== null) return this.#pins;
    mkdirSync(this.#folder, { recursive: true, mode: 0o711 });
    this.#kernel.privateMount(this.#folder);
    for (const name of readdirSync(this.#folder)) if (name !== PLACE) this.#former.add(name);
    this.#pins = this.#kernel.openPins(this.#folder, join(this.#folder, PLACE));
    return this.#pins;
  }

}

function nameOf(id: string): string {
  return id.slice(0, 16);
}
