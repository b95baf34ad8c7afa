import type { ContainerEvent } from '../runtime/container/containers.ts';
import type { ContainerStore } from '../runtime/container/container-store.ts';
import type { Container } from '../state/container.ts';

/** Something that happened, in Docker's words. `attributes` are the object's labels and what the action says more. */
export interface EngineEvent {
  readonly type: 'container';
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** ms since the epoch. */
  readonly time: number;
}

/** As many past ones are remembered. */
const KEPT = 1000;

/** What happens in an engine, for those who listen, and for a while for those who ask later. */
export class EventLog {
  readonly #kept: EngineEvent[] = [];
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #now: () => number;
  /** As they were last seen: a container that has been removed can no longer be asked. */
  readonly #known = new Map<string, Container>();

  constructor(containers: ContainerStore, now: () => number) {
    this.#now = now;
    for (const [name, container] of containers.list()) this.#known.set(name, container);
    containers.onEvent((event, name) => this.#container(event, name, containers.get(name)));
  }

  /** Past events, oldest first. */
  past(): readonly EngineEvent[] {
    return this.#kept;
  }

  /** Calls `listener` at each event until the returned function is called. */
  onEvent(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #container(event: ContainerEvent, name: string, container: Container | null): void {
    const before = this.#known.get(name);
    const now = container ?? before;
    if (now === undefined) return;
    if (container === null) this.#known.delete(name);
    else this.#known.set(name, container);
    const health = now.status?.health ?? 'none';
    if (event === 'created') this.#add('create', name, now);
    else if (event === 'started') this.#add('start', name, now);
    else if (event === 'exited') this.#add('die', name, now, { exitCode: String(now.status?.exitCode ?? 0) });
    else if (event === 'removed') this.#add('destroy', name, now);
    else if (event === 'renamed') this.#add('rename', name, now);
    else if (event === 'paused') this.#add('pause', name, now);
    else if (event === 'unpaused') this.#add('unpause', name, now);
    else if (health !== before?.status?.health && (health === 'healthy' || health === 'unhealthy')) this.#add(`health_status: ${health}`, name, now);
  }

  #add(action: string, name: string, { spec, status }: Container, more: Readonly<Record<string, string>> = {}): void {
    const event: EngineEvent = { type: 'container', action, id: status?.id ?? '', attributes: { ...spec.labels, image: spec.image, name, ...more }, time: this.#now() };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }
}
