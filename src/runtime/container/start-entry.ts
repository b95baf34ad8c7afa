import { rmSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerEntry } from './container-entry.ts';
import { letStdioGo } from './container-stdio.ts';
import { deleteCgroup } from './core-process.ts';
import { type Launch, launch } from './launch-container.ts';
import type { ShimClient } from './shim-client.ts';
import { StartError } from './spawn-shim.ts';

export interface Starting extends Launch {
  /** What says how it had ended is gone. */
  readonly forgotEnd: (entry: ContainerEntry) => void;
  readonly watch: (entry: ContainerEntry, shim: ShimClient) => void;
  /** Gives back what only a container that runs needs. */
  readonly release: (entry: ContainerEntry) => Promise<void>;
  readonly noted: (entry: ContainerEntry) => void;
}

/** Starts a container that does not run: its entry is that of a new start, and of one that has ended with 125 to 127 where that fails. */
export async function startEntry(starting: Starting, entry: ContainerEntry): Promise<void> {
  const { context, update, forgotEnd, watch, release, noted } = starting;
  if (entry.phase !== 'created') {
    rmSync(entry.files.exit, { force: true });
    forgotEnd(entry); // else it had ended, after a power cut
  }
  if (entry.record.error !== '') update({ error: '', errorCode: 0 });
  Object.assign(entry, { phase: 'created', exitCode: 0, oomKilled: false, outputLost: 0, restartAt: 0, health: 'none', healthOutput: '', healthLog: [], failingStreak: 0, ports: [], drift: [], view: null });
  try {
    const started = await launch(starting, entry);
    entry.ready = started.ready;
    watch(entry, started.shim);
    entry.startedAt = started.ready.startedAt ?? context.now();
  } catch (error) {
    const died = error instanceof BayplanError && error.code === 'shim-gone';
    if (died) await deleteCgroup(context.core, entry.files.cgroup); // a shim that gives up takes its container away itself
    const exitCode = error instanceof StartError ? error.exitCode : 125;
    Object.assign(entry, { ready: null, phase: 'exited', exitCode, finishedAt: context.now() });
    update({ error: error instanceof Error ? error.message : String(error), errorCode: exitCode });
    await release(entry);
    noted(entry);
    throw error;
  } finally {
    letStdioGo(context.kernel, entry);
  }
}
