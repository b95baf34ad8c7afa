import type { Container, Health, HealthLook, PublishedPort } from '../../state/container.ts';
import type { Drift } from '../../state/drift.ts';
import type { PendingAttachment } from './attachment.ts';
import type { ContainerFiles } from './bundle-files.ts';
import type { ConsoleSize } from './containers.ts';
import type { MountsSeen } from './mount-drift.ts';
import type { ContainerRecord, ExitRecord, ReadyLine } from './record.ts';
import type { ShimClient } from './shim-client.ts';

/** What an engine knows of one container while it runs: the record, and what is true of its process. */
export interface ContainerEntry {
  record: ContainerRecord;
  readonly files: ContainerFiles;
  phase: 'created' | 'running' | 'exited' | 'lost';
  ready: ReadyLine | null;
  shim: ShimClient | null;
  /** Resolves when the end of the running process is known. */
  ended: Promise<void>;
  exitCode: number;
  oomKilled: boolean;
  outputLost: number;
  startedAt: number;
  finishedAt: number;
  health: Health;
  healthOutput: string;
  healthLog: readonly HealthLook[];
  failingStreak: number;
  restarts: number;
  restartAt: number;
  held: boolean;
  /** It was stopped to be started again, which has not come to be. */
  interrupted: boolean;
  paused: boolean;
  /** A removal was begun and has to be finished. */
  removing: boolean;
  ports: readonly PublishedPort[];
  /** What is not as it was made, when it was last looked at. */
  drift: readonly Drift[];
  /** Where something was mounted in it at a look. */
  mountsSeen: MountsSeen;
  /** Connections that are attached before its next start. */
  readonly attachments: Set<PendingAttachment>;
  /** Of its terminal, as it was last asked for. */
  consoleSize: ConsoleSize | null;
  /** The public view, made anew after a change. */
  view: Container | null;
}

export function newEntry(record: ContainerRecord, files: ContainerFiles): ContainerEntry {
  return {
    record, files, phase: 'created', ready: null, shim: null, ended: Promise.resolve(), exitCode: 0, oomKilled: false, outputLost: 0, startedAt: 0, finishedAt: 0,
    health: 'none', healthOutput: '', healthLog: [], failingStreak: 0, restarts: 0, restartAt: 0, held: false, interrupted: false, paused: false, removing: false, ports: [], drift: [], mountsSeen: { root: null, targets: new Map() }, attachments: new Set(), consoleSize: null, view: null,
  };
}

/** Notes the end of the process. `exit` null: its shim was killed, or the machine went down, and no end was recorded. */
export function setEnded(entry: ContainerEntry, exit: ExitRecord | null, now: number): void {
  Object.assign(entry, {
    phase: exit === null ? 'lost' : 'exited', exitCode: exit?.exitCode ?? 137, oomKilled: exit?.oomKilled ?? false, outputLost: exit?.outputLost ?? 0,
    startedAt: exit?.startedAt ?? entry.startedAt, finishedAt: exit?.finishedAt ?? now,
    ready: null, shim: null, paused: false, ports: [], health: 'none', mountsSeen: { root: null, targets: new Map() }, view: null,
    // Its shim was killed with it: how it ended, nobody knows.
    drift: exit === null ? [{ kind: 'process', field: 'process', expected: 'running', found: 'gone without an exit' }] : [],
  });
}

const INTERRUPTED: Drift = { kind: 'process', field: 'process', expected: 'running', found: 'stopped to be started again' };

export function viewOf(entry: ContainerEntry): Container {
  const { record } = entry;
  const drift = entry.interrupted && entry.phase === 'exited' ? [INTERRUPTED] : [...entry.drift];
  entry.view ??= {
    identity: record.identity,
    spec: record.spec,
    status: {
      id: record.id, phase: entry.removing ? 'removing' : entry.phase, pid: entry.ready?.pid ?? 0, exitCode: entry.exitCode, oomKilled: entry.oomKilled,
      ...(entry.outputLost === 0 ? {} : { outputLost: entry.outputLost }),
      error: record.error, createdAt: record.createdAt, startedAt: entry.startedAt, finishedAt: entry.finishedAt,
      health: entry.health, healthOutput: entry.healthOutput, healthLog: [...entry.healthLog], failingStreak: entry.failingStreak, restarts: entry.restarts, restartAt: entry.restartAt, held: entry.held, paused: entry.paused,
      addresses: record.addresses, anonymousVolumes: record.anonymousVolumes, ipv6Addresses: record.ipv6Addresses, joined: record.joined, runtime: record.runtime, storage: record.storage, ...(record.apparmor === undefined ? {} : { apparmor: record.apparmor }), ports: [...entry.ports], ...(drift.length === 0 ? {} : { drift }),
    },
  };
  return entry.view;
}
