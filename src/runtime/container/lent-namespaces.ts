import { closeSync, openSync } from 'node:fs';
import { namespaceAt } from './spawn-shim.ts';

/** Pinned namespaces that a shim gets as descriptors for its start. */
export class LentNamespaces {
  readonly fds: number[] = [];

  /** What the shim is to call the namespace at `path`: one that a path through this engine's own /proc leads to is lent, others it opens itself. */
  lend(path: string): string {
    if (!path.startsWith(`/proc/${process.pid}/fd/`)) return path;
    return namespaceAt(this.fds.push(openSync(path, 'r')) - 1);
  }

  close(): void {
    for (const fd of this.fds.splice(0)) closeSync(fd);
  }
}
