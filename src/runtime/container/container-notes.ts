import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { Health, HealthLook, PublishedPort } from '../../state/container.ts';
import type { ContainerFiles } from './bundle-files.ts';
import type { ContainerEntry } from './container-entry.ts';

/** What others than the process itself say of a container. Each field given replaces the one before. */
export interface Note {
  readonly health?: Health;
  readonly healthOutput?: string;
  readonly healthLog?: readonly HealthLook[];
  readonly failingStreak?: number;
  readonly restarts?: number;
  readonly restartAt?: number;
  readonly held?: boolean;
  readonly interrupted?: boolean;
  readonly ports?: readonly PublishedPort[];
}

/** `health.json` beside a container's bundle. */
export const KnownHealth = z.object({ version: z.literal(1), health: Health, healthOutput: z.string(), healthLog: z.array(HealthLook), failingStreak: z.int().nonnegative() });
type KnownHealth = Omit<z.infer<typeof KnownHealth>, 'version'>;

/**
 * Sets what others say, and keeps beside the record what the next engine has to know of it. Answers whether there is any of that which a power cut may not undo. What of it the run folder has no room
 * for is told to `report`: this engine goes on without.
 */
export function noteEntry(entry: ContainerEntry, note: Note, report: (message: string) => void): boolean {
  const { files } = entry;
  const marks = (['held', 'interrupted'] as const).filter((what) => note[what] !== undefined && note[what] !== entry[what]);
  for (const what of marks) {
    if (note[what]) mark(files[what]);
    else rmSync(files[what], { force: true });
  }
  const looked = (note.health ?? entry.health) !== entry.health || (note.failingStreak ?? entry.failingStreak) !== entry.failingStreak;
  Object.assign(entry, note, { view: null });
  if (entry.phase === 'running' && looked) keep(files.health, healthText(entry), report); // not at each look, but when that has changed what is known
  if (entry.phase === 'running' && note.ports !== undefined) {
    writeFileSync(`${files.ports}.tmp`, JSON.stringify({ version: 1, ports: note.ports }));
    renameSync(`${files.ports}.tmp`, files.ports);
  }
  if (note.restarts !== undefined && existsSync(files.bundle)) keep(files.restarts, String(note.restarts), report);
  return marks.length > 0;
}

function healthText({ health, healthOutput, healthLog, failingStreak }: ContainerEntry): string {
  return JSON.stringify({ version: 1, health, healthOutput, healthLog: [...healthLog], failingStreak } satisfies z.infer<typeof KnownHealth>);
}

/** It comes from health checks and timers, which nobody waits for: a failure would end the engine. */
function keep(path: string, text: string, report: (message: string) => void): void {
  try {
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  } catch (error) {
    report(`${path}: ${error instanceof Error ? error.message : String(error)}: the next engine will not know it`);
  }
}

/** What its health check had come to under an engine before; nothing where that is not known: then it begins anew. */
export function readHealth(files: ContainerFiles, report: (message: string) => void): KnownHealth | null {
  try {
    const { health, healthOutput, healthLog, failingStreak } = KnownHealth.parse(JSON.parse(readFileSync(files.health, 'utf8')));
    return { health, healthOutput, healthLog, failingStreak };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) report(`${files.health}: ${error instanceof Error ? error.message : String(error)}: its health is looked at anew`);
    return null;
  }
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
  return existsSync(files.restarts) ? Number.parseInt(readFileSync(files.restarts, 'utf8'), 10) || 0 : 0;
}

/** Ports that were given. Where that cannot be read there are none, which `report` is told: the container runs on. */
export function readPorts(files: ContainerFiles, report: (message: string) => void): readonly PublishedPort[] {
  try {
    const value: unknown = JSON.parse(readFileSync(files.ports, 'utf8'));
    return PublishedPort.array().parse(typeof value === 'object' && value !== null && 'ports' in value ? value.ports : []);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    report(`${files.ports}: ${error instanceof Error ? error.message : String(error)}: its ports are closed; restart the container`);
    return [];
  }
}
