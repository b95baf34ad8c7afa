import { readFileSync } from 'node:fs';

/** The mounts that this process sees, as text. Reading it asks no file system anything. */
export function mountTable(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8');
}

/** Mount points at or below a folder, the topmost mount last (proc_pid_mountinfo(5)). */
export function mountsBelow(folder: string, table: string = mountTable()): readonly string[] {
  return table.split('\n').map((line) => unescape(line.split(' ')[4] ?? '')).filter((path) => path === folder || path.startsWith(`${folder}/`));
}

/** Blanks, tabs, newlines and backslashes stand there in octal. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
