import { watch } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { LogRecord } from './containers.ts';
import { WholeLines } from './whole-lines.ts';

const HEADER = 16;
const CHUNK = 256 * 1024;

/** Parses whole records (native/README.md, "Log") from the front of `bytes`; `rest` is what is not yet whole. */
export function parseRecords(bytes: Buffer): { readonly records: readonly LogRecord[]; readonly rest: Buffer } {
  const records: LogRecord[] = [];
  let at = 0;
  while (bytes.length - at >= HEADER) {
    const length = bytes.readUInt32LE(at + 12);
    if (bytes.length - at < HEADER + length) break;
    records.push({
      time: bytes.readBigUInt64LE(at),
      stream: bytes[at + 8] === 2 ? 'stderr' : 'stdout',
      data: bytes.subarray(at + HEADER, at + HEADER + length),
      goesOn: bytes[at + 9] === 1,
    });
    at += HEADER + length;
  }
  return { records, rest: bytes.subarray(at) };
}

/** The last `lines` lines of `records`, cutting inside the first one where needed. A last line without its newline counts. */
export function tailOf(records: readonly LogRecord[], lines: number): readonly LogRecord[] {
  if (lines <= 0) return [];
  let left = lines;
  const kept: LogRecord[] = [];
  for (let r = records.length - 1; r >= 0; r--) {
    const record = records[r];
    if (record === undefined) break;
    let from = record.data.length;
    // A newline at the very end ends the last line; it does not begin another.
    let search = kept.length === 0 && record.data[from - 1] === 0x0a ? from - 2 : from - 1;
    for (; search >= 0; search--) {
      search = record.data.lastIndexOf(0x0a, search); // a line may have millions of bytes
      if (search < 0 || --left === 0) break;
    }
    from = left === 0 ? search + 1 : 0;
    if (from < record.data.length) kept.unshift({ ...record, data: record.data.subarray(from) });
    if (left === 0) break;
  }
  return kept;
}

/**
 * Reads the log of one container: `file`, and its rotated predecessors `file.1` …, oldest first. `tail` counts lines; null: all. With
 * `follow` it goes on over rotations until `ended()` is true and all is read, or the signal aborts.
 */
export async function* readLog(
  file: string,
  options: { tail: number | null; follow: boolean; signal: AbortSignal; ended: () => boolean },
): AsyncGenerator<LogRecord> {
  const generations = await openGenerations(file);
  let current: FileHandle | null = generations.pop() ?? null;
  try {
    const whole = new WholeLines();
    let tail: LogRecord[] = [];
    for (let old = generations.shift(); old !== undefined; old = generations.shift()) {
      try {
        for await (const records of readAll(old, 0)) {
          const shown = whole.of(records);
          if (options.tail === null) yield* shown;
          else tail = [...tailOf([...tail, ...shown], options.tail)];
        }
      } finally {
        await old.close();
      }
    }
    let offset = 0;
    if (current !== null && options.tail !== null) {
      for await (const records of readAll(current, 0)) {
        offset += records.reduce((sum, r) => sum + HEADER + r.data.length, 0);
        tail = [...tailOf([...tail, ...whole.of(records).map((r) => ({ ...r, data: Buffer.from(r.data) }))], options.tail)];
      }
    }
    yield* tail;

    const wake = options.follow ? new Wake(file, options.signal) : null;
    try {
      for (;;) {
        const ended = options.ended(); // asked before reading: what was written before the end is then read below
        if (current === null) current = await openIfThere(file);
        if (current !== null) {
          for await (const records of readAll(current, offset)) {
            offset += records.reduce((sum, r) => sum + HEADER + r.data.length, 0);
            yield* whole.of(records);
            if (options.signal.aborted) return;
          }
          const next = await newerGeneration(current, file);
          if (next !== null) {
            // What the shim wrote between the last read and the rename is still in this generation.
            for await (const records of readAll(current, offset)) yield* whole.of(records);
            await current.close();
            current = next === 'none yet' ? null : next;
            offset = 0;
            continue;
          }
        }
        if (wake === null || ended || options.signal.aborted) return;
        await wake.wait();
      }
    } finally {
      wake?.close();
    }
  } finally {
    for (const left of generations) await left.close(); // a reader that has had enough leaves in the middle
    await current?.close();
  }
}

/** Handles of all generations, oldest first, opened newest first so that a rotation meanwhile shows one twice rather than losing one. */
async function openGenerations(file: string): Promise<FileHandle[]> {
  const handles: FileHandle[] = [];
  const seen = new Set<number>();
  for (let n = 0; ; n++) {
    const handle = await openIfThere(n === 0 ? file : `${file}.${n}`);
    if (handle === null) {
      if (n === 0) continue;
      return handles;
    }
    const { ino } = await handle.stat();
    if (seen.has(ino)) await handle.close();
    else {
      seen.add(ino);
      handles.unshift(handle);
    }
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function* readAll(handle: FileHandle, from: number): AsyncGenerator<readonly LogRecord[]> {
  let position = from;
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = Buffer.alloc(CHUNK);
    const { bytesRead } = await handle.read(chunk, 0, CHUNK, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    const parsed = parseRecords(rest.length === 0 ? chunk.subarray(0, bytesRead) : Buffer.concat([rest, chunk.subarray(0, bytesRead)]));
    rest = parsed.rest;
    if (parsed.records.length > 0) yield parsed.records;
  }
}

/**
 * The generation after the one that `handle` reads: null while that one is still the newest. Several rotations may have passed, so
 * it is looked for by inode; one that has been rotated out altogether is followed by the oldest that is left.
 */
async function newerGeneration(handle: FileHandle, file: string): Promise<FileHandle | 'none yet' | null> {
  const mine = (await handle.stat()).ino;
  let newer: string | null = null;
  for (let n = 0; ; n++) {
    const path = n === 0 ? file : `${file}.${n}`;
    const ino = await inodeOf(path);
    if (ino === mine) break;
    if (ino === null && n > 0) break;
    if (ino !== null) newer = path;
  }
  if (newer === null) return (await inodeOf(file)) === mine ? null : 'none yet';
  return (await openIfThere(newer)) ?? 'none yet';
}

async function inodeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Wakes on a change in the log's folder, with a slow clock beside it in case a change was missed. */
class Wake {
  /** Null: the folder was removed before it could be watched. */
  readonly #watcher: ReturnType<typeof watch> | null;
  #resolve: (() => void) | null = null;
  #pending = false;
  readonly #signal: AbortSignal;
  readonly #ring = (): void => {
    this.#pending = true;
    this.#resolve?.();
  };

  constructor(file: string, signal: AbortSignal) {
    const name = basename(file);
    this.#watcher = watchIfThere(dirname(file), (changed) => {
      if (changed === null || changed.startsWith(name) || changed === 'exit') this.#ring();
    });
    this.#watcher?.on('error', this.#ring); // the folder was removed: the container is gone
    this.#signal = signal;
    signal.addEventListener('abort', this.#ring);
  }

  async wait(): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#resolve = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#pending = false;
    this.#resolve = null;
  }

  close(): void {
    this.#watcher?.close();
    this.#signal.removeEventListener('abort', this.#ring);
  }
}

function watchIfThere(folder: string, changed: (name: string | null) => void): ReturnType<typeof watch> | null {
  try {
    return watch(folder, (_event, name) => changed(name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
