import { readFileSync } from 'node:fs';
import type { ContainerSpec } from '../../state/container.ts';

/** A bind of a container that runs, and still has a file or folder that is gone on the host: an editor or a checkout has put another in its place, or nothing. */
export interface ReplacedBind { readonly source: string; readonly target: string }

/** Those of a process' namespace, by what the kernel says of the mounts (proc_pid_mountinfo(5)): no file system is asked, whose server may be dead. Empty for one that has ended. */
export function replacedBinds(pid: number, { mounts }: Pick<ContainerSpec, 'mounts'>): readonly ReplacedBind[] {
  const binds = mounts.filter((mount) => mount.type === 'bind');
  if (binds.length === 0) return [];
  try {
    return goneIn(binds, readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EINVAL'].includes(String(error.code))) return [];
    throw error;
  }
}

const DELETED = '//deleted';

/** `table`: lines of mountinfo; of several mounts at one place the last one is seen. Where a target leads through links (/var/run, in many images), its mount is found by what the source is called in its file system. */
export function goneIn(binds: readonly ReplacedBind[], table: string): readonly ReplacedBind[] {
  if (!table.includes(`${DELETED} `)) return [];
  const roots = new Map(table.split('\n').map((line) => {
    const [, , , root = '', point = ''] = line.split(' ');
    return [unescaped(point), unescaped(root)];
  }));
  const deleted = [...roots.values()].filter((root) => root.endsWith(DELETED)).map((root) => root.slice(0, -DELETED.length));
  return binds.filter(({ source, target }) => {
    const root = roots.get(target.replace(/(?<=.)\/+$/, ''));
    return root === undefined ? deleted.some((path) => source.endsWith(path)) : root.endsWith(DELETED);
  }).map(({ source, target }) => ({ source, target }));
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
