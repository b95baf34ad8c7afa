import type { ContainerStore } from '../runtime/container/container-store.ts';
import { checkOf } from '../runtime/container/health-check.ts';
import type { Images } from '../runtime/image/images.ts';
import type { Healthcheck, HealthLook } from '../state/container.ts';
import { formatDuration } from '../state/duration.ts';
import { afterProbe, freshHealth, nextLook, probeCommand, type HealthState } from './health-machine.ts';

const OUTPUT_MAX = 4096;
/** Looks that are remembered. */
const LOOKS_KEPT = 5;
/** setTimeout fires at once for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Runs the health checks of running containers, one timer each. What they come to is noted in the container's status. */
export class HealthProbes {
  readonly #containers: ContainerStore;
  readonly #images: Images;
  readonly #now: () => number;
  readonly #running = new Map<string, AbortController>();

  constructor(containers: ContainerStore, images: Images, now: () => number) {
    this.#containers = containers;
    this.#images = images;
    this.#now = now;
  }

  /** Begins to probe a container that has just started, or whose check counts anew; with `goesOn` its health is as it was, also under an engine before. Nothing to do where it has no check. */
  watch(name: string, goesOn = false): void {
    this.forget(name);
    const container = this.#containers.get(name);
    const check = container === null ? null : checkOf(container.spec, this.#images);
    if (container?.status === undefined || container.status === null || check === null) return;
    const stop = new AbortController();
    this.#running.set(name, stop);
    const { health, failingStreak = 0, healthLog = [], startedAt } = container.status;
    const known = goesOn && health !== 'none';
    const from: HealthState = { ...freshHealth, ...(known ? { health, failures: failingStreak } : { countedAt: Math.max(0, this.#now() - startedAt) }) };
    this.#containers.note(name, { health: from.health });
    void this.#probe(name, check, from, known ? healthLog : [], startedAt, stop.signal);
  }

  forget(name: string): void {
    this.#running.get(name)?.abort();
    this.#running.delete(name);
  }

  close(): void {
    for (const name of [...this.#running.keys()]) this.forget(name);
  }

  async #probe(name: string, check: Healthcheck, from: HealthState, looks: readonly HealthLook[], startedAt: number, signal: AbortSignal): Promise<void> {
    let state = from;
    let healthLog = looks;
    for (let since = looks.at(-1)?.end ?? this.#now(); ; since = this.#now()) { // one that is overdue comes at once
      const wait = nextLook(state, check);
      await sleep(Math.min(wait, Math.max(0, wait - (this.#now() - since))), signal);
      if (signal.aborted) return;
      const start = this.#now();
      const { exitCode, output } = await this.#look(name, check, signal);
      if (signal.aborted) return;
      const end = this.#now();
      state = afterProbe(state, exitCode === 0, end - startedAt, check);
      healthLog = [...healthLog, { start, end, exitCode, output }].slice(-LOOKS_KEPT);
      this.#containers.note(name, { health: state.health, healthOutput: output, healthLog, failingStreak: state.failures });
    }
  }

  async #look(name: string, check: Healthcheck, signal: AbortSignal): Promise<{ exitCode: number; output: string }> {
    try {
      const process = await this.#containers.exec(name, { command: probeCommand(check), environment: [], user: '', workingDir: '', tty: false });
      process.stdin.end();
      let output = '';
      const keep = (data: Buffer): void => {
        output = (output + data.toString('utf8')).slice(-OUTPUT_MAX);
      };
      process.stdout.on('data', keep);
      process.stderr.on('data', keep);
      const kill = (): void => process.kill();
      signal.addEventListener('abort', kill);
      let timer: NodeJS.Timeout | undefined;
      // What the check has started may hold its output open for longer than it lives: the end of the time is not waited for twice.
      const late = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), Math.min(check.timeoutMs, LONGEST_TIMER_MS));
      });
      try {
        const code = await Promise.race([process.exit, late]);
        if (code !== null) return { exitCode: code, output };
        kill();
        return { exitCode: -1, output: `Health check exceeded timeout (${formatDuration(check.timeoutMs)})${output === '' ? '' : `: ${output}`}` }; // Docker's words
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', kill);
      }
    } catch (error) {
      return { exitCode: -1, output: error instanceof Error ? error.message : String(error) };
    }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, LONGEST_TIMER_MS));
    signal.addEventListener('abort', done);
  });
}
