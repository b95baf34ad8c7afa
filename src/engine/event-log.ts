import type { ContainerEvent } from '../runtime/container/containers.ts';
import type { ContainerStore } from '../runtime/container/container-store.ts';
import type { Networks } from '../runtime/network/networks.ts';
import type { Container } from '../state/container.ts';

/** Something that happened, in Docker's words. `attributes` are the object's labels and what the action says more. */
export interface EngineEvent {
  readonly type: 'container' | 'network' | 'daemon';
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

  readonly #networks: Pick<Networks, 'id' | 'spec'>;

  constructor(containers: ContainerStore, networks: Pick<Networks, 'id' | 'spec' | 'onEvent'>, now: () => number) {
    this.#now = now;
    this.#networks = networks;
    for (const [name, container] of containers.list()) this.#known.set(name, container);
    containers.onEvent((event, name, network) => {
      const container = containers.get(name) ?? this.#known.get(name);
      if (event === 'connected' && container?.status?.phase === 'running') this.#member('connect', container, network);
      else if (event === 'disconnected' && container?.status?.phase === 'running') this.#member('disconnect', container, network);
      else this.#container(event, name, containers.get(name));
      if (container !== undefined && event === 'exited') for (const left of networksOf(container)) this.#member('disconnect', container, left);
    });
    networks.onEvent((action, name, { spec, status }) => this.#push('network', action, status?.id ?? '', { name, type: spec.driver }));
  }

  /** A record that cannot be read: it is said once, when the engine has started. */
  setAside(kind: string, name: string, message: string): void {
    this.#push('daemon', 'set-aside', '', { kind, name, message });
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
    else if (event === 'started') {
      for (const network of networksOf(now)) this.#member('connect', now, network);
      this.#add('start', name, now);
    }
    else if (event === 'exited') this.#add('die', name, now, { exitCode: String(now.status?.exitCode ?? 0) });
    else if (event === 'removed') this.#add('destroy', name, now);
    else if (event === 'renamed') this.#add('rename', name, now);
    else if (event === 'updated') this.#add('update', name, now);
    else if (event === 'oom') this.#add('oom', name, now);
    else if (event === 'paused') this.#add('pause', name, now);
    else if (event === 'unpaused') this.#add('unpause', name, now);
    else if (health !== before?.status?.health && (health === 'healthy' || health === 'unhealthy')) this.#add(`health_status: ${health}`, name, now);
  }

  #add(action: string, name: string, { spec, status }: Container, more: Readonly<Record<string, string>> = {}): void {
    this.#push('container', action, status?.id ?? '', { ...spec.labels, image: spec.image, name, ...more });
  }

  #member(action: 'connect' | 'disconnect', { status }: Container, network: string): void {
    const id = this.#networks.id(network);
    if (id !== null) this.#push('network', action, id, { container: status?.id ?? '', name: network, type: this.#networks.spec(network)?.driver ?? '' });
  }

  #push(type: EngineEvent['type'], action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    const event: EngineEvent = { type, action, id, attributes, time: this.#now() };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }
}

function networksOf({ spec }: Container): readonly string[] {
  return spec.networkMode === 'bridge' ? Object.keys(spec.networks) : [];
}
