import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '../kernel.ts';

/**
 * The network namespaces of containers, pinned by files in one folder, and who lives in each: its own container, and those that share it. A
 * namespace outlives its processes: it goes when the last one who lives there has left. While there is one, the folder is a mount point.
 */
export class Namespaces {
  readonly #kernel: Kernel;
  readonly #folder: string;
  readonly #inhabitants = new Map<string, Set<string>>();

  constructor(kernel: Kernel, folder: string) {
    this.#kernel = kernel;
    this.#folder = folder;
  }

  /** Where the namespace of container `id` is pinned. */
  path(id: string): string {
    return join(this.#folder, id.slice(0, 16));
  }

  isInhabited(id: string): boolean {
    return (this.#inhabitants.get(id)?.size ?? 0) > 0;
  }

  /** Notes that `inhabitant` lives in the namespace of `owner` from now on. True where it is there with somebody in it already. */
  enter(owner: string, inhabitant: string): boolean {
    if (this.#inhabitants.size === 0) {
      mkdirSync(this.#folder, { recursive: true, mode: 0o711 });
      this.#kernel.privateMount(this.#folder);
    }
    const before = this.#inhabitants.get(owner);
    const shared = before !== undefined && [...before].some((other) => other !== inhabitant) && existsSync(this.path(owner));
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
    if (existsSync(this.path(owner))) await this.#kernel.removeNetns(this.path(owner));
    if (this.#inhabitants.size === 0) this.#kernel.detachMount(this.#folder);
  }
}
