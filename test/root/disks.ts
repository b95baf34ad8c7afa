import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../src/runtime/storage/find-program.ts';
import type { DriverName } from '../../src/runtime/storage/storage-driver.ts';

/** What this machine lacks for a storage driver; null: nothing. */
export function missingFor(driver: DriverName): string | null {
  if (driver === 'btrfs' && findProgram('mkfs.btrfs') === null) return 'there is no mkfs.btrfs';
  if (driver === 'fuse-overlayfs' && findProgram('fuse-overlayfs') === null) return 'there is no fuse-overlayfs';
  if (driver === 'fuse-overlayfs' && !existsSync('/dev/fuse')) return 'there is no /dev/fuse';
  return null;
}

/** A place for a root folder that suits a storage driver: for btrfs a file system of its own, in a file. */
export class Disk {
  readonly root: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'bayplan-disk-'));
  readonly #mounted: string | null;

  constructor(driver: DriverName) {
    this.#mounted = driver === 'btrfs' ? join(this.#folder, 'mount') : null;
    this.root = join(this.#mounted ?? this.#folder, 'root');
    if (this.#mounted === null) return;
    const file = join(this.#folder, 'disk');
    writeFileSync(file, '');
    truncateSync(file, 300 * 1024 * 1024);
    execFileSync('mkfs.btrfs', ['-q', file]);
    mkdirSync(this.#mounted);
    execFileSync('mount', ['-o', 'loop', file, this.#mounted]);
  }

  remove(): void {
    if (this.#mounted !== null) execFileSync('umount', [this.#mounted]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
