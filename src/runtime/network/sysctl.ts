import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** A setting's value, null where this kernel does not have it. */
export function readSysctl(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null;
}

/** A kernel without the setting (no IPv6) has nothing to set; one that is so already is left alone (ip_forward resets others). */
export function setSysctl(path: string, value: string): void {
  const before = readSysctl(path);
  if (before !== null && before !== value) writeFileSync(path, value);
}
