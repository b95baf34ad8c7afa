import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

export interface Chunk<T> {
  readonly exports: T;
  /** Keeps what V8 has compiled by now for the next start, where nothing was kept yet. */
  remember(): void;
}

/**
 * Loads a bundle that stands beside this one, through V8's code cache (`<chunk>.<command>.cache`, which holds the functions that the
 * command used). V8 itself compares only the source's length, so the cache begins with the bundle's own mark; one that does not fit, or
 * cannot be written, is done without.
 */
export function loadChunk<T>(name: string, command: string): Chunk<T> {
  const file = join(__dirname, `${name}.cjs`);
  const source = readFileSync(file, 'latin1'); // it is ASCII
  const { mtimeMs, size, ino } = statSync(file);
  const mark = Buffer.from(`${mtimeMs} ${size} ${ino} ${process.version} ${process.arch}\n`);
  const cache = join(__dirname, `${name}.${command}.cache`);
  const kept = readCache(cache, mark);
  const script = new Script(source, { filename: file, ...(kept === null ? {} : { cachedData: kept }) });
  const module: { exports: unknown } = { exports: {} };
  const wrapper: (...args: readonly unknown[]) => void = script.runInThisContext();
  wrapper.call(module.exports, module.exports, createRequire(file), module, file, dirname(file));
  const remember = (): void => {
    if (kept !== null && script.cachedDataRejected !== true) return;
    const temporary = `${cache}.${process.pid}`;
    try {
      writeFileSync(temporary, Buffer.concat([mark, script.createCachedData()]));
      renameSync(temporary, cache);
    } catch {
      rmSync(temporary, { force: true }); // a folder that cannot be written: each start compiles anew
    }
  };
  return { exports: module.exports as T, remember };
}

function readCache(file: string, mark: Buffer): Buffer | null {
  try {
    const bytes = readFileSync(file);
    return bytes.subarray(0, mark.length).equals(mark) ? bytes.subarray(mark.length) : null;
  } catch {
    return null; // the first start, or one after the bundle has changed
  }
}
