import type { ContainerEvent } from '../runtime/container/containers.ts';
import type { ContainerStore } from '../runtime/container/container-store.ts';
import type { Networks } from '../runtime/network/networks.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import type { Container } from '../state/container.ts';

/** Something that happened, in Docker's words. `attributes` are the object's labels and what the action says more. */
export interface EngineEvent {
  readonly type: 'container' | 'network' | 'volume' | 'image' | 'daemon';
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
  readonly #imageLabels: (imageId: string) => Readonly<Record<string, string>>;

  constructor(containers: ContainerStore, networks: Pick<Networks, 'id' | 'spec' | 'onEvent'>, volumes: Pick<Volumes, 'onEvent'>, imageLabels: (imageId: string) => Readonly<Record<string, string>>, now: () => number) {
    this.#now = now;
    this.#imageLabels = imageLabels;
    this.#networks = networks;
    for (const [name, container] of containers.list()) this.#known.set(name, container);
    containers.onEvent((event, name, detail) => {
      const container = containers.get(name) ?? this.#known.get(name);
      if (event === 'connected' && container?.status?.phase === 'running') this.#member('connect', container, detail);
      else if (event === 'disconnected' && container?.status?.phase === 'running') this.#member('disconnect', container, detail);
      else this.#changed(event, name, containers.get(name), detail);
    });
    networks.onEvent((action, name, { spec, status }) => this.tell('network', action, status?.id ?? '', { name, type: spec.driver }));
    volumes.onEvent((action, name, { spec }) => this.tell('volume', action, name, { driver: spec.driver }));
  }

  /** A record that cannot be read: it is said once, when the engine has started. */
  setAside(kind: string, name: string, message: string): void {
    this.tell('daemon', 'set-aside', '', { kind, name, message });
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

  /** What was asked of a container and changed nothing that is known of it: attach, top, exec_create … */
  container(action: string, name: string, more: Readonly<Record<string, string>> = {}): void {
    const container = this.#known.get(name);
    if (container !== undefined) this.#add(action, name, container, more);
  }

  /** A stack, or these services of it, goes back to what it was at a revision. */
  goesBack(stack: string, services: readonly string[] | null, revision: number, why: string): void {
    for (const [name, container] of this.#known) {
      const { identity } = container;
      if (identity.owner === 'stack' && identity.stack === stack && services?.includes(identity.service) !== false) this.#add('rollback', name, container, { revision: String(revision), why });
    }
  }

  /** Keeps an event, and tells those who listen. */
  tell(type: EngineEvent['type'], action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    const event: EngineEvent = { type, action, id, attributes, time: this.#now() };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  #changed(event: ContainerEvent, name: string, container: Container | null, detail: string): void {
    const before = this.#known.get(event === 'renamed' ? detail : name);
    const now = container ?? before;
    if (now === undefined) return;
    if (container === null || event === 'renamed') this.#known.delete(event === 'renamed' ? detail : name);
    if (container !== null) this.#known.set(name, container);
    const health = now.status?.health ?? 'none';
    if (event === 'started') this.#started(name, now);
    else if (event === 'exited') this.#ended(name, now);
    else if (event === 'renamed') this.#add('rename', name, now, { oldName: `/${detail}` });
    else if (event === 'killed') this.#add('kill', name, now, { signal: detail });
    else if (WORDS[event] !== undefined) this.#add(WORDS[event], name, now);
    else if (health !== before?.status?.health && (health === 'healthy' || health === 'unhealthy')) this.#add(`health_status: ${health}`, name, now);
  }

  /** In Docker's order: what it needs, then itself. */
  #started(name: string, container: Container): void {
    const id = container.status?.id ?? '';
    for (const { volume, target, readOnly } of volumesOf(container)) this.tell('volume', 'mount', volume, { container: id, destination: target, driver: 'local', propagation: '', 'read/write': String(!readOnly) });
    for (const network of networksOf(container)) this.#member('connect', container, network);
    this.#add('start', name, container);
  }

  #ended(name: string, container: Container): void {
    const { id = '', exitCode = 0, startedAt = 0, finishedAt = 0, outputLost } = container.status ?? {};
    for (const network of networksOf(container)) this.#member('disconnect', container, network);
    for (const { volume } of volumesOf(container)) this.tell('volume', 'unmount', volume, { container: id, driver: 'local' });
    this.#add('die', name, container, {
      exitCode: String(exitCode), execDuration: String(Math.max(0, Math.floor((finishedAt - startedAt) / 1000))), ...(outputLost === undefined ? {} : { outputLost: String(outputLost) }),
    });
  }

  #add(action: string, name: string, { spec, status }: Container, more: Readonly<Record<string, string>> = {}): void {
    this.tell('container', action, status?.id ?? '', { ...this.#imageLabels(spec.imageId), ...spec.labels, image: spec.image, name, ...more });
  }

  #member(action: 'connect' | 'disconnect', { status }: Container, network: string): void {
    const id = this.#networks.id(network);
    if (id !== null) this.tell('network', action, id, { container: status?.id ?? '', name: network, type: this.#networks.spec(network)?.driver ?? '' });
  }
}

/** Docker's words for what is told with the container alone. */
const WORDS: Readonly<Partial<Record<ContainerEvent, string>>> = {
  created: 'create', removed: 'destroy', updated: 'update', oom: 'oom', paused: 'pause', unpaused: 'unpause', stopped: 'stop',
};

function networksOf({ spec }: Container): readonly string[] {
  return spec.networkMode === 'bridge' ? Object.keys(spec.networks) : [];
}

function volumesOf({ spec, status }: Container): readonly { readonly volume: string; readonly target: string; readonly readOnly: boolean }[] {
  const named = spec.mounts.flatMap((mount) => (mount.type === 'volume' && mount.source !== null ? [{ volume: mount.source, target: mount.target, readOnly: mount.readOnly }] : []));
  return [...named, ...Object.entries(status?.anonymousVolumes ?? {}).map(([target, volume]) => ({ volume, target, readOnly: false }))];
}
