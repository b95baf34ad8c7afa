import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Health, PublishedPort } from '../../state/container.ts';
import type { ContainerFiles } from './bundle-files.ts';
import type { ContainerEntry } from './container-entry.ts';

/** What others than the process itself say of a container. Each field given replaces the one before. */
export interface Note {
  readonly health?: Health;
  readonly healthOutput?: string;
  readonly restarts?: number;
  readonly restartAt?: number;
  readonly held?: boolean;
  readonly ports?: readonly PublishedPort[];
}

/** Sets what others say, and keeps beside the record what the next engine has to know of it. */
export function noteEntry(entry: ContainerEntry, note: Note): void {
  const { files } = entry;
  if (note.held !== undefined && note.held !== entry.held) {
    if (note.held) mark(files.held);
    else rmSync(files.held, { force: true });
  }
  Object.assign(entry, note, { view: null });
  if (entry.phase === 'running' && note.ports !== undefined) writeFileSync(files.ports, JSON.stringify({ version: 1, ports: note.ports }));
  if (note.restarts !== undefined && existsSync(files.bundle)) writeFileSync(files.restarts, String(note.restarts));
}

/** Writes an empty file that says something. On a full disk what is to be removed goes unmarked rather than not at all. */
export function mark(path: string): void {
  try {
    writeFileSync(path, '');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}

export function readRestarts(files: ContainerFiles): number {
  return existsSync(files.restarts) ? Number(readFileSync(files.restarts, 'utf8')) : 0;
}

export function readPorts(files: ContainerFiles): readonly PublishedPort[] {
  try {
    const value: unknown = JSON.parse(readFileSync(files.ports, 'utf8'));
    return PublishedPort.array().parse(typeof value === 'object' && value !== null && 'ports' in value ? value.ports : []);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
