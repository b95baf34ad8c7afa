import { readFileSync, rmSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Images } from '../image/images.ts';
import type { ContainerEntry } from './container-entry.ts';
import { mark } from './container-notes.ts';
import type { ContainerEvent } from './containers.ts';
import { answered, sendSignal, settledWithin, SIGKILL, SIGTERM } from './ending.ts';
import { isFrozen, setFrozen } from './freezer.ts';
import { knownSignal, signalNumber } from '../../state/signals.ts';

/** What reaches the processes of running containers: signals, and the freezer. */
export class ContainerSignals {
  readonly #images: Images;
  readonly #emit: (event: ContainerEvent, name: string, detail?: string) => void;

  constructor(images: Images, emit: (event: ContainerEvent, name: string, detail?: string) => void) {
    this.#images = images;
    this.#emit = emit;
  }

  /** Sends a signal, the container's own where it is null, then SIGKILL after the grace period; resolves when it has ended. */
  async stop(entry: ContainerEntry, signal: string | null, graceMs: number): Promise<void> {
    if (entry.shim === null) return;
    const first = signal === null ? this.#stopSignal(entry) ?? SIGTERM : signalNumber(signal);
    this.#emit('killed', entry.record.name, String(first));
    await told(entry, sendSignal(entry.shim, first, false));
    await this.#thaw(entry); // it could not obey
    if (!(await settledWithin(entry.ended, graceMs))) {
      this.#emit('killed', entry.record.name, String(SIGKILL));
      await told(entry, sendSignal(entry.shim, SIGKILL, true));
    }
    await entry.ended;
  }

  /** Resolves when it has ended. */
  async kill(entry: ContainerEntry): Promise<void> {
    if (entry.shim === null) return;
    this.#emit('killed', entry.record.name, String(SIGKILL));
    await told(entry, sendSignal(entry.shim, SIGKILL, true));
    await this.#thaw(entry);
    await entry.ended;
  }

  /** Throws BayplanError `conflict` where it does not run. */
  async send(entry: ContainerEntry, signal: string): Promise<void> {
    const { name } = entry.record;
    if (entry.phase !== 'running' || entry.shim === null) throw new BayplanError('conflict', `container ${name} is not running`);
    const number = signalNumber(signal);
    this.#emit('killed', name, String(number));
    await told(entry, answered(entry.shim.signal(number, number === SIGKILL)));
    const stops = this.#stopSignal(entry);
    // Docker's rule: what is meant to end it, or may be, reaches it also where it is paused.
    if (number === SIGKILL || stops === null || number === stops) await this.#thaw(entry);
  }

  /** Freezes all its processes, or lets them go on. `forWork`: the engine's, so that the next engine lets it go on. Throws BayplanError `not-running`, or `conflict` where it is so already. */
  async pause(entry: ContainerEntry, on: boolean, forWork = false): Promise<void> {
    const { name } = entry.record;
    if (entry.phase !== 'running') throw new BayplanError('not-running', `container ${name} is not running`);
    if (entry.paused === on) throw new BayplanError('conflict', `container ${name} is ${on ? 'already' : 'not'} paused`);
    if (forWork) mark(entry.files.borrowed);
    await setFrozen(entry.files.cgroup, on).catch((error: unknown) => {
      rmSync(entry.files.borrowed, { force: true });
      throw error instanceof BayplanError && error.code === 'not-running' ? new BayplanError('not-running', `container ${name} is not running`) : error; // its end is not known here yet
    });
    if (!on) rmSync(entry.files.borrowed, { force: true });
    Object.assign(entry, { paused: on, view: null });
  }

  /** Whoever has frozen it, a person by hand too. */
  async #thaw(entry: ContainerEntry): Promise<void> {
    if (!entry.paused && !isFrozen(entry.files.cgroup)) return;
    await setFrozen(entry.files.cgroup, false);
    rmSync(entry.files.borrowed, { force: true });
    if (!entry.paused) return; // by hand, or it has ended meanwhile
    Object.assign(entry, { paused: false, view: null });
    this.#emit('unpaused', entry.record.name);
  }

  /** Null: neither it nor its image names one that there is; an image may hold any text. */
  #stopSignal({ record: { spec } }: ContainerEntry): number | null {
    return knownSignal(spec.stopSignal ?? this.#images.find(spec.imageId)?.config.stopSignal ?? '');
  }
}

/** Names the container where its shim does not answer, and the shim. */
async function told({ record: { name }, ready }: ContainerEntry, sent: Promise<void>): Promise<void> {
  await sent.catch((error: unknown) => {
    if (!(error instanceof BayplanError && error.code === 'shim-silent')) throw error;
    const shim = ready === null ? '' : parentOf(ready.pid);
    throw new BayplanError('shim-silent', `container ${name}: its shim${shim === '' ? '' : ` (pid ${shim})`} does not answer: let it go on, if it was stopped${shim === '' ? '' : ` ("kill -CONT ${shim}")`}; the container ends then`);
  });
}

/** '' where it has gone. */
function parentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1] ?? '';
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return '';
    throw error;
  }
}
