import { closeSync, openSync } from 'node:fs';
import { namespaceAt } from './spawn-shim.ts';

/** Pinned namespaces that a shim gets as descriptors for its start. */
export class LentNamespaces {
  readonly fds: number[] = [];
  readonly #paths: string[] = [];

  /** What the shim is to call the namespace at `path`, which may not be there yet: one that a path through this engine's own /proc leads to is lent, others it opens itself. */
  lend(path: string): string {
    if (!path.startsWith(`/proc/${process.pid}/fd/`)) return path;
    return namespaceAt(this.#paths.push(path) - 1);
  }

  /** Opens them, once they are there. */
  open(): void {
    for (const path of this.#paths.splice(0)) this.fds.push(openSync(path, 'r'));
  }

  close(): void {
    for (const fd of this.fds.splice(0)) closeSync(fd);
  }
}
