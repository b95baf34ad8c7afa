import type { ContainerStore } from '../runtime/container/container-store.ts';
import { checkOf } from '../runtime/container/health-check.ts';
import type { RemoveHow } from '../runtime/container/containers.ts';
import type { Images } from '../runtime/image/images.ts';
import type { Networks } from '../runtime/network/networks.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Container, ContainerChanges } from '../state/container.ts';
import { knownSignal, signalNumber } from '../state/signals.ts';
import { inboundConnections, packetsUnderWay } from '../runtime/container/inbound-connections.ts';
import { portGroup } from '../runtime/container/port-group.ts';
import { HealthProbes } from './health-probes.ts';
import { drained } from './drain.ts';
import { HOLDS } from './hold-machine.ts';
import { HookOutput } from './hook-output.ts';
import { endOfHook, runHooks } from './hooks.ts';
import { Restarts } from './restarts.ts';
import { refuseTakenPorts } from './taken-ports.ts';
import { type Also, type Condition, waitFor } from './wait-for.ts';

export interface SupervisorContext {
  readonly containers: ContainerStore;
  readonly networks: Networks;
  readonly images: Images;
  readonly now: () => number;
  /** Receives what went wrong where nobody waits for an answer. */
  readonly report: (message: string) => void;
}

/** A container's processes go before its own end is known; by then it is. */
const END_KNOWN_MS = 500;

/**
 * What lives with running containers between passes: restarts, health, published ports. Invariants:
 * - a container that somebody asked to stop is not restarted, however its end arrives;
 * - a restart is the same start and publication that a pass does;
 * - ports lead only to a container that runs.
 */
export class Supervisor {
  readonly hookOutput = new HookOutput();
  readonly #context: SupervisorContext;
  readonly #probes: HealthProbes;
  /** Names whose end was asked for. */
  readonly #asked = new Set<string>();
  /** Names of those that were stopped to be started again. */
  readonly #between = new Set<string>();
  readonly #restarts: Restarts;
  /** Under way. */
  readonly #starts = new Set<Promise<void>>();
  #ending = false;
  /** Names of those that were drained and have not ended yet. */
  readonly #drained = new Set<string>();
  readonly #unsubscribe: () => void;

  constructor(context: SupervisorContext) {
    this.#context = context;
    this.#probes = new HealthProbes(context.containers, context.images, context.now);
    this.#restarts = new Restarts({ note: (name, note) => context.containers.note(name, note), restart: (name) => this.#background(name, this.#restart(name)), now: context.now });
    this.#unsubscribe = context.containers.onEvent((event, name) => {
      if (event === 'exited') this.#exited(name);
      if (event === 'removed') this.#forget(name);
      if (event === 'unpaused' && !this.#asked.has(name)) this.#probes.watch(name, true);
    });
  }

  /** Takes up containers that another engine started, but those that `leaves` names: probes the running, restarts those that ended meanwhile as their policy says. */
  adopt(leaves: (container: Container) => boolean = () => false): void {
    for (const [name, container] of this.#context.containers.list()) {
      if (leaves(container)) continue;
      if (container.status?.paused === true) continue;
      if (container.status?.phase === 'running') this.#probes.watch(name, true);
      else if (container.spec.autoRemove && (container.status?.phase === 'exited' || container.status?.phase === 'lost')) this.#background(name, this.remove(name, { volumes: true }));
      // One that could not be started is its pass's failure, not an end.
      else if (container.status?.error === '' && (container.status.phase === 'exited' || container.status.phase === 'lost')) this.#scheduleRestart(name, container);
    }
  }

  /** Starts a container for somebody: clears its hold and its restart counter. Throws BayplanError `not-ready` once `endStarts` was called: the next engine starts it. */
  async start(name: string): Promise<void> {
    this.#restarts.forget(name);
    this.#asked.delete(name);
    this.#context.containers.note(name, { ...HOLDS[this.#ending ? 'start-later' : 'start'], restarts: 0, restartAt: 0 });
    if (this.#ending) throw stopping(name);
    const drifted = this.#context.containers.get(name)?.status?.drift?.some(({ kind }) => kind === 'process') === true;
    await this.#run(name).finally(() => this.#between.delete(name)).catch((error: unknown) => {
      if (drifted) this.#context.containers.note(name, HOLDS['start-failed']);
      throw error;
    });
    this.#context.containers.note(name, HOLDS['started']);
    await this.#runHooks(name, 'post_start', null).catch(async (error: unknown) => {
      if (!await this.#isOver(name)) throw error;
    });
  }

  /** Stops a container for somebody; it stays stopped until up, start or restart. `again`: it is to be started again, and has drifted until it is. */
  async stop(name: string, signal: string | null, graceMs: number, again = false): Promise<void> {
    this.#restarts.cancel(name);
    this.#asked.add(name);
    this.#probes.forget(name);
    if (again) this.#between.add(name);
    this.#context.containers.note(name, { ...HOLDS[again ? 'stop-again' : 'stop'], restartAt: 0 });
    try {
      await this.#preStop(name, graceMs);
      await this.#context.containers.stop(name, signal, graceMs);
    } catch (error) {
      this.#between.delete(name);
      throw error;
    }
  }

  /** Sends a signal for somebody. The one that it is stopped by is meant to end it: it stays stopped then, as after `stop`. Throws BayplanError `conflict` where it does not run. */
  async signal(name: string, signal: string): Promise<void> {
    const { containers } = this.#context;
    if (signalNumber(signal) !== this.#stopSignal(name)) return await containers.signal(name, signal);
    this.#restarts.cancel(name);
    this.#asked.add(name);
    const before = containers.get(name)?.status?.held === true;
    containers.note(name, { ...HOLDS['end-signal'], restartAt: 0 });
    await containers.signal(name, signal).catch((error: unknown) => {
      this.#asked.delete(name);
      containers.note(name, { held: before });
      throw error;
    });
  }

  #stopSignal(name: string): number {
    const { containers, images } = this.#context;
    const spec = containers.get(name)?.spec;
    return knownSignal(spec?.stopSignal ?? images.find(spec?.imageId ?? '')?.config.stopSignal ?? '') ?? signalNumber('SIGTERM');
  }

  /** Freezes a container for somebody, until it is let go on, started or ended; `forWork`: for what the engine itself does with it, and no longer than that lives. Its health stays what it was: nobody can look. */
  async pause(name: string, forWork = false): Promise<void> {
    this.#probes.forget(name); // a look at a frozen container would fail
    await this.#context.containers.pause(name, true, forWork).catch((error: unknown) => {
      const status = this.#context.containers.get(name)?.status;
      if (status?.phase === 'running' && !status.paused) this.#probes.watch(name, true);
      throw error;
    });
  }

  async unpause(name: string): Promise<void> {
    await this.#context.containers.pause(name, false);
  }

  /** Shortens a stop that is under way; where there is none, it does nothing. */
  hasten(name: string, graceMs: number): void {
    const { status } = this.#context.containers.get(name) ?? {};
    if (this.#asked.has(name) && status?.phase === 'running') this.#background(name, this.#context.containers.stop(name, null, graceMs).catch(ignoreGone));
  }

  /** Removes a container, ending it first; its end brings no restart. With `ended` one that runs, by now, is left as it is. One that is gone by now is as it should be. */
  async remove(name: string, how: RemoveHow = {}): Promise<void> {
    if (this.#context.containers.get(name) === null) return;
    if (how.ended === true) {
      await this.#context.containers.remove(name, how);
      return;
    }
    this.#restarts.cancel(name);
    this.#asked.add(name);
    this.#probes.forget(name);
    await this.publish(name, false);
    await this.#context.containers.remove(name, how);
  }

  /** Its restarts and probes go on under the new name. */
  async rename(name: string, to: string): Promise<void> {
    const { containers } = this.#context;
    await containers.rename(name, to);
    const asked = this.#asked.has(name);
    this.#restarts.rename(name, to);
    this.#forget(name);
    if (asked) this.#asked.add(to);
    const container = containers.get(to);
    if (container?.status?.phase === 'running') this.#probes.watch(to, true);
    else if (container?.status !== null && container?.status !== undefined && container.status.restartAt > 0) this.#scheduleRestart(to, container);
  }

  /** Sends the container's ports to it, or takes them away. A container without a network of its own publishes none. */
  async publish(name: string, on: boolean): Promise<void> {
    const { containers, networks } = this.#context;
    const container = containers.get(name);
    if (container === null || container.status === null) return;
    if (container.status.ports.length === 0 && (!on || container.spec.ports.length === 0)) return;
    if (on && container.status.phase !== 'running') return; // it has ended meanwhile: ports never lead to nobody
    const ports = await networks.publish({ container: container.status.id, ports: on ? container.spec.ports : [], group: portGroup(container.identity, container.status.id) });
    containers.note(name, { ports });
    if (on && containers.get(name)?.status?.phase !== 'running') await this.publish(name, false);
  }

  /** Changes a container in place. Its health goes on as it was, under the check that it has now. */
  async update(name: string, changes: ContainerChanges): Promise<void> {
    const { containers, images } = this.#context;
    await containers.update(name, changes);
    const container = containers.get(name);
    if (changes.healthcheck === undefined || container?.status?.phase !== 'running' || this.#asked.has(name)) return;
    this.#probes.watch(name, container.status.health !== 'unhealthy'); // what the former check has found of it says nothing of another one
    if (checkOf(container.spec, images) === null) containers.note(name, { health: 'none' });
  }

  /** What its check has found so far no longer counts: it is looked at as one that has just started. */
  probe(name: string): void {
    if (this.#context.containers.get(name)?.status?.phase === 'running' && !this.#asked.has(name)) this.#probes.watch(name);
  }

  /** Lets a container serve those who are with it to their end, and nobody else: names that it shares lead to the others. */
  async drain(name: string, atMostMs: number, signal: AbortSignal): Promise<void> {
    const { containers, networks, now } = this.#context;
    const status = containers.get(name)?.status;
    if (status?.phase !== 'running') return;
    this.#probes.forget(name);
    this.#drained.add(name);
    await networks.setReady(status.id, false);
    await drained(() => inboundConnections(status.pid) + packetsUnderWay(), atMostMs, now, signal);
  }

  /** At the end of a pass: what it has drained and then not stopped serves again. */
  async undrain(stack: string): Promise<void> {
    const { containers, networks } = this.#context;
    for (const name of this.#drained) {
      const { identity, status } = containers.get(name) ?? {};
      if (identity?.stack !== stack) continue;
      this.#drained.delete(name);
      if (status?.phase !== 'running') continue;
      this.#probes.watch(name, true);
      await networks.setReady(status.id, status.health === 'healthy' || status.health === 'none');
    }
  }

  /** As `waitFor` of wait-for.ts. An end that is waited for is on disk before anything follows from it. */
  async waitFor(name: string, until: Condition, signal: AbortSignal, also: Also = {}): Promise<void> {
    await waitFor(this.#context, name, until, signal, also).catch(async (error: unknown) => {
      throw this.#context.containers.get(name)?.identity.owner === 'hook' && !signal.aborted ? await endOfHook(this.#context.containers, name) : error;
    });
    if (this.#context.containers.get(name)?.status?.phase !== 'running') await this.#context.containers.flush();
  }

  /** Nothing is started any more by this engine; resolves when nothing is being started. */
  async endStarts(): Promise<void> {
    this.#ending = true;
    this.#restarts.close();
    await Promise.allSettled([...this.#starts]);
  }

  close(): void {
    this.#unsubscribe();
    this.#probes.close();
    this.#restarts.close();
  }

  async #run(name: string): Promise<void> {
    if (this.#ending) throw stopping(name);
    const start = this.#checkPorts(name).then(() => this.#context.containers.start(name));
    this.#starts.add(start);
    await start.finally(() => this.#starts.delete(start)).catch(async (error: unknown) => {
      if (this.#context.containers.get(name)?.spec.autoRemove === true) await this.remove(name, { volumes: true });
      throw error;
    });
    this.#probes.watch(name);
  }

  /** A port that somebody else has is found before the container runs. */
  async #checkPorts(name: string): Promise<void> {
    const container = this.#context.containers.get(name);
    if (container !== null && container.status !== null) await refuseTakenPorts(this.#context, { ...container, id: container.status.id });
  }

  /** A hook that fails, or takes longer than the container has to stop, keeps nobody from stopping it. */
  async #preStop(name: string, graceMs: number): Promise<void> {
    const { containers, report } = this.#context;
    const status = containers.get(name)?.status;
    if (status?.phase !== 'running' || status.paused) return;
    await this.#runHooks(name, 'pre_stop', graceMs).catch((error: unknown) => report(error instanceof Error ? error.message : String(error)));
  }

  /** Whether a command of its own in a one-off is through, or about to be: it is none the worse for hooks that came too late. */
  async #isOver(name: string): Promise<boolean> {
    const { containers } = this.#context;
    if (containers.get(name)?.identity.owner !== 'oneoff') return containers.get(name) === null;
    await waitFor(this.#context, name, 'completed', AbortSignal.timeout(END_KNOWN_MS)).catch(() => undefined); // with whatever code
    return containers.get(name)?.status?.phase !== 'running';
  }

  async #runHooks(name: string, kind: 'post_start' | 'pre_stop', limitMs: number | null): Promise<void> {
    await runHooks(this.#context.containers, name, kind, limitMs, (stream, data) => { this.hookOutput.tell(name, this.#context.now(), stream, data); });
  }

  #exited(name: string): void {
    this.#probes.forget(name);
    this.#drained.delete(name);
    const container = this.#context.containers.get(name);
    if (container === null || container.status === null) return;
    const { id } = container.status;
    this.#background(name, this.#context.networks.publish({ container: id, ports: [] }).then(() => undefined));
    if (container.spec.autoRemove && this.#between.has(name)) return;
    if (container.spec.autoRemove) this.#background(name, this.remove(name, { volumes: true }).catch(ignoreGone));
    else this.#scheduleRestart(name, container);
  }

  #scheduleRestart(name: string, container: Container): void {
    this.#restarts.schedule(name, container, this.#asked.has(name));
  }

  async #restart(name: string): Promise<void> {
    const container = this.#context.containers.get(name);
    if (container === null || container.status === null || this.#asked.has(name)) return;
    this.#context.containers.note(name, { restarts: container.status.restarts + 1 }); // `restartAt` stays until the start: it has not ended for good
    try {
      await this.#run(name);
      await this.publish(name, true);
      this.#background(name, this.#runHooks(name, 'post_start', null)); // it runs, whatever they come to
    } catch (error) {
      const after = this.#context.containers.get(name);
      if (after !== null) this.#scheduleRestart(name, after); // it could not even be started: that is an end like another
      throw error;
    }
  }

  #forget(name: string): void {
    this.#restarts.forget(name);
    this.#asked.delete(name);
    this.#between.delete(name);
    this.#drained.delete(name);
    this.#probes.forget(name);
  }

  #background(name: string, work: Promise<void>): void {
    work.catch((error: unknown) => this.#context.report(`${name}: ${error instanceof Error ? error.message : String(error)}`));
  }
}

function stopping(name: string): BayplanError {
  return new BayplanError('not-ready', `container ${name}: the engine is stopping all containers, and starts none: start it with the next one`);
}

/** Somebody else has removed it meanwhile. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof BayplanError && error.code === 'not-found')) throw error;
}
