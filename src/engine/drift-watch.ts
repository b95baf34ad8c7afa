import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerStore } from '../runtime/container/container-store.ts';
import type { Culprit, KernelWatch, Watched } from '../runtime/kernel-watch.ts';
import { settingFolders } from '../runtime/network/bridge.ts';
import type { Networks } from '../runtime/network/networks.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import type { Paths } from '../state/paths.ts';
import { FailedLooks } from './failed-looks.ts';
import { SeldomLook } from './seldom-look.ts';
import { SettingWatch } from './setting-watch.ts';

export interface DriftWatchContext {
  readonly watch: KernelWatch;
  readonly containers: ContainerStore;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly paths: Paths;
  /** Whether something is being done to a stack: then its objects are looked at afterwards. */
  readonly busy: (stack: string) => boolean;
  /** The same of any stack. */
  readonly anyBusy: () => boolean;
  /** Objects of these stacks were looked at. */
  readonly looked: (stacks: readonly string[]) => void;
  readonly report: (line: string) => void;
}

/** A container that has just started is watched a little later: its start is not to wait for that. */
const AFTER_START_MS = 250;
/** How long a drift has to last: the engine's own changes go by more quickly. */
const LASTING_MS = 60;
const FIRST_LOOK_MS = 20;
/** How long looks wait for what is being done to stacks, most of which they would find gone by, and whose processor they would take. */
const PATIENCE_MS = 400;
/** Looks take at most one part in so many of a processor. */
const SHARE = 20;
const LONGEST_REST_MS = 400;
const AT_ONCE = 50;

/** How what is not one container's is called where it cannot be looked at. */
const SHARED = { volumes: 'the volumes', rules: 'the packet rules', links: 'the links of the networks', names: 'the files with the names of the networks' };

/** What there is to look at. `rules` are the engine's own. */
interface Dirty { readonly containers: Set<string>; links: boolean; names: boolean; rules: boolean; volumes: boolean; by: string | null }

const ALL = { links: true, names: true, rules: true, volumes: true };

/**
 * Looks at what the kernel says has changed: containers' links, limits, mounts and files, the networks' links and names, the packet rules, the volumes' folders. An event only says where to look; what is
 * compared is what is so then. Looks that find something are made twice.
 */
export class DriftWatch {
  readonly #context: DriftWatchContext;
  readonly #watched = new Map<string, readonly (() => void)[]>();
  readonly #fixed: (() => void)[] = [];
  #volumes: (() => void)[] = [];
  #links: (() => void)[] = [];
  readonly #settings = new SettingWatch((folder) => this.#add([], { kind: 'files', of: folder }, () => this.#mark((dirty) => { dirty.links = true; }), () => !existsSync(folder)));
  readonly #starting = new Set<string>();
  #dirty: Dirty = nothing();
  #timer: NodeJS.Timeout | null = null;
  /** Since when there is something to look at. */
  #since: number | null = null;
  #looking: Promise<void> = Promise.resolve();
  #notBefore = 0;
  /** Keeps our bridges open in others' chains: what they drop is let pass again within half a second. */
  readonly #guard: SeldomLook;
  /** Which containers are not in their cgroups any more: the kernel does not say whose processes were put elsewhere. */
  readonly #moved: SeldomLook;
  #closed = false;
  #startTimer: NodeJS.Timeout | null = null;
  readonly #complaints = new Set<string>();
  readonly #failed: FailedLooks;

  constructor(context: DriftWatchContext) {
    this.#context = context;
    this.#failed = new FailedLooks(context.report);
    const { report } = context;
    this.#guard = new SeldomLook({ look: () => context.networks.guard(), failure: 'others\' packet rules could not be looked at', restMs: { least: 0, most: 400 }, report });
    this.#moved = new SeldomLook({ look: () => this.#markWhere((name) => context.containers.looks.hasMoved(name)), failure: 'the containers\' cgroups could not be looked at', restMs: { least: 500, most: Number.POSITIVE_INFINITY }, report });
    const { containers, networks, volumes, paths } = context;
    containers.onEvent((event, name, detail) => {
      if (event === 'started') this.#willWatch(name);
      else if (event === 'exited' || event === 'removed') this.#forget(name);
      else if (event === 'renamed') this.#renamed(detail, name);
      if (event === 'exited' && containers.get(name)?.status?.phase === 'lost') this.#mark((dirty) => dirty.containers.add(name));
    });
    volumes.onEvent(() => this.#watchVolumes());
    networks.onEvent(() => {
      this.#watchLinks();
      this.#mark((dirty) => { dirty.links = true; });
    });
    this.#add(this.#fixed, { kind: 'entries', of: paths.networks }, () => this.#mark((dirty) => { dirty.links = true; }));
    this.#add(this.#fixed, { kind: 'files', of: paths.zones }, () => this.#mark((dirty) => { dirty.names = true; }));
    this.#add(this.#fixed, { kind: 'rules', of: paths.table }, (culprit) => this.#rulesChanged(culprit));
    this.#add(this.#fixed, { kind: 'moves', of: paths.cgroup }, () => this.#moved.soon());
    this.#add(this.#fixed, { kind: 'entries', of: paths.bundles }, () => this.#markWhere((name) => !existsSync(containers.looks.places(name)?.bundle ?? '/')));
    this.#watchVolumes();
    this.#watchLinks();
    context.watch.onLost({
      lost: (why) => context.report(`the kernel's events have ended (${why}): drift is not noticed until they are heard again`),
      again: () => this.#lookAtAll(),
    });
  }

  /** Takes up what runs already, and looks at all of it. */
  start(): void {
    for (const [name, { status }] of this.#context.containers.list()) if (status?.phase === 'running') this.#willWatch(name);
    this.#mark((dirty) => { Object.assign(dirty, ALL); });
    this.#guard.soon();
  }

  /** Looks at all of a stack now. Answers a line for each look that has failed. */
  async lookAt(stack: string): Promise<readonly string[]> {
    const names = [...this.#context.containers.list()].filter(([, { identity, status }]) => identity.stack === stack && status?.phase === 'running').map(([name]) => name);
    await this.#look({ ...nothing(), ...ALL, containers: new Set(names), by: this.#dirty.by });
    return this.#failed.causes([...Object.values(SHARED), ...names.map(labelOf)]);
  }

  close(): void {
    this.#closed = true;
    for (const timer of [this.#timer, this.#startTimer]) if (timer !== null) clearTimeout(timer);
    this.#failed.close();
    this.#guard.close();
    this.#moved.close();
    this.#context.watch.close();
  }

  /** What has changed meanwhile is not known. */
  #lookAtAll(): void {
    this.#mark((dirty) => {
      for (const name of this.#watched.keys()) dirty.containers.add(name);
      Object.assign(dirty, ALL);
    });
    this.#guard.soon();
  }

  #rulesChanged(culprit: Culprit | null): void {
    this.#guard.soon();
    if (culprit === null) return; // our table was not touched
    this.#mark((dirty) => {
      dirty.rules = true;
      if (culprit.pid > 0) dirty.by = `by ${culprit.name}, pid ${culprit.pid}`;
    });
  }

  /** Marks those that are looked at and are so. */
  #markWhere(is: (name: string) => boolean): void {
    const found = [...this.#watched.keys()].filter(is);
    if (found.length > 0) this.#mark((dirty) => { for (const name of found) dirty.containers.add(name); });
  }

  /** `gone`: whether what is to be watched has ended meanwhile, which is no failure. */
  #add(list: (() => void)[], watched: Watched, changed: (by: Culprit | null) => void, gone: () => boolean = () => false): () => void {
    const cancel = this.#context.watch.add(watched, changed, (why) => {
      if (this.#complaints.has(watched.kind) || gone()) return; // the reason is the same for all others, as a rule
      this.#complaints.add(watched.kind);
      this.#context.report(`${watched.kind} of ${watched.of} cannot be watched (${why}): drift there is noticed by "bayplan plan --drift" alone`);
    });
    list.push(cancel);
    return cancel;
  }

  #watchVolumes(): void {
    for (const cancel of this.#volumes.splice(0)) cancel();
    if (this.#context.volumes.anyMounted) this.#add(this.#volumes, { kind: 'mounts', of: String(process.pid) }, () => this.#mark((dirty) => { dirty.volumes = true; }));
    for (const folder of this.#context.volumes.places()) this.#add(this.#volumes, { kind: 'entries', of: folder }, () => this.#mark((dirty) => { dirty.volumes = true; }));
  }

  /** Links of this host that are the engine's by their name, and such as were given another or are parents. What happens to all others costs nothing. */
  #watchLinks(): void {
    for (const cancel of this.#links.splice(0)) cancel();
    const { networks, paths: { linkPrefix } } = this.#context;
    const named = [...networks.list().values()].flatMap(({ status }) => (status === null || status.link.startsWith(linkPrefix) ? [] : [status.link]));
    for (const name of new Set([linkPrefix, ...named])) this.#add(this.#links, { kind: 'links', of: `-${name}` }, () => this.#mark((dirty) => { dirty.links = true; }));
  }

  #willWatch(name: string): void {
    this.#starting.add(name);
    this.#startTimer ??= setTimeout(() => {
      this.#startTimer = null;
      const now = [...this.#starting].filter((each) => !this.#context.busy(this.#stackOf(each)));
      for (const each of now) this.#watch(each);
      if (this.#starting.size > 0) for (const each of [...this.#starting]) this.#willWatch(each);
    }, AFTER_START_MS).unref();
  }

  #watch(name: string): void {
    this.#forget(name);
    const places = this.#context.containers.looks.places(name);
    if (places === null) return;
    const cancels: (() => void)[] = [];
    const changed = (): void => this.#mark((dirty) => dirty.containers.add(name));
    const gone = (): boolean => this.#context.containers.looks.places(name)?.pid !== places.pid || this.#context.containers.processes(name).length === 0
      || !existsSync(`/proc/${places.pid}/ns/net`); // it has ended, and its end is not known yet
    if (places.netns !== null) this.#add(cancels, { kind: 'links', of: places.netns }, changed, gone);
    this.#add(cancels, { kind: 'mounts', of: String(places.pid) }, changed, gone);
    for (const of of places.limits) this.#add(cancels, { kind: 'files', of }, changed, gone);
    this.#add(cancels, { kind: 'entries', of: places.state }, changed, gone); // its log is there, which is written all the time
    this.#watched.set(name, cancels);
    changed();
  }

  #forget(name: string): void {
    this.#failed.forget(labelOf(name));
    this.#starting.delete(name);
    for (const cancel of this.#watched.get(name) ?? []) cancel();
    this.#watched.delete(name);
  }

  #renamed(from: string, to: string): void {
    if (!this.#watched.has(from) && !this.#starting.has(from)) return;
    this.#forget(from);
    this.#willWatch(to);
  }

  #mark(what: (dirty: Dirty) => void): void {
    what(this.#dirty);
    if (this.#closed) return;
    this.#since ??= performance.now();
    this.#timer ??= setTimeout(() => void this.#run(), Math.max(FIRST_LOOK_MS, this.#notBefore - performance.now())).unref();
  }

  async #run(): Promise<void> {
    this.#timer = null;
    const { busy, anyBusy, looked, report, networks } = this.#context;
    if (anyBusy() && performance.now() - (this.#since ?? 0) < PATIENCE_MS) {
      this.#mark(() => undefined);
      return;
    }
    this.#since = null;
    const { containers, ...rest } = this.#dirty;
    this.#dirty = nothing();
    const now = [...containers].filter((name) => !busy(this.#stackOf(name)));
    for (const name of containers) if (!now.includes(name)) this.#dirty.containers.add(name);
    const dirty = { ...rest, containers: new Set(now) };
    try {
      await this.#look(dirty);
      if (this.#drifted().size > 0) {
        await delay(LASTING_MS);
        await this.#look(dirty);
      }
      if (dirty.rules && this.#isNobodysRules()) networks.repair();
      if (!this.#closed) looked([...new Set([...now.map((name) => this.#stackOf(name)), ...(dirty.links || dirty.names || dirty.rules || dirty.volumes ? this.#stacks() : [])])]);
    } catch (error) {
      report(`drift could not be looked for: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (this.#dirty.containers.size > 0) this.#mark(() => undefined);
  }

  /** Whether rules have drifted that are of no stack, whose file could say what is done about it. */
  #isNobodysRules(): boolean {
    const { containers, networks } = this.#context;
    const none = [...[...networks.list().values()].filter(({ stack }) => stack === ''), ...[...containers.list().values()].filter(({ identity }) => identity.owner === 'api')];
    return none.some(({ status }) => status?.drift?.some(({ kind }) => kind === 'rules') === true);
  }

  /** One look at a time, so that what one has found is not overtaken by an earlier one. */
  async #look(dirty: Dirty): Promise<void> {
    const looking = this.#looking.then(() => this.#lookNow(dirty));
    this.#looking = looking.catch(() => undefined); // its failure is its caller's
    await looking;
  }

  async #lookNow({ containers, links, names: zones, rules, volumes, by }: Dirty): Promise<void> {
    if (this.#closed) return;
    const context = this.#context;
    const begin = performance.now();
    if (volumes) await this.#attempt(SHARED.volumes, () => context.volumes.look(), (dirty) => { dirty.volumes = true; });
    if (rules) await this.#attempt(SHARED.rules, () => context.networks.lookAtRules(by), (dirty) => { dirty.rules = true; });
    if (links) await this.#attempt(SHARED.links, () => this.#lookAtLinks(), (dirty) => { dirty.links = true; });
    if (zones) await this.#attempt(SHARED.names, () => context.networks.lookAtNames(), (dirty) => { dirty.names = true; });
    const names = [...new Set([...containers, ...(rules ? this.#published() : [])])];
    for (let from = 0; from < names.length && !this.#closed; from += AT_ONCE) {
      await Promise.all(names.slice(from, from + AT_ONCE).map((name) => this.#attempt(labelOf(name), () => context.containers.looks.look(name).catch((error: unknown) => {
        if (context.containers.get(name)?.status?.phase === 'running') throw error; // it has ended meanwhile
      }), ({ containers: again }) => again.add(name))));
    }
    const end = performance.now();
    this.#notBefore = end + Math.min((end - begin) * SHARE, LONGEST_REST_MS);
  }

  async #lookAtLinks(): Promise<void> {
    const { networks } = this.#context;
    this.#settings.follow(settingFolders([...networks.list().values()].flatMap(({ spec, status }) => (status !== null && spec.driver === 'bridge' ? [status.link] : []))));
    await networks.lookAtLinks();
  }

  /** One that fails costs the others nothing. */
  async #attempt(what: string, look: () => void | Promise<void>, again: (dirty: Dirty) => void): Promise<void> {
    await this.#failed.attempt(what, look, () => this.#mark(again));
  }

  /** Who may be told of in the rules. */
  #published(): readonly string[] {
    return [...this.#context.containers.list()].filter(([, { status }]) => status?.phase === 'running' && status.ports.length > 0).map(([name]) => name);
  }

  #drifted(): ReadonlySet<string> {
    const { containers, networks, volumes } = this.#context;
    return new Set([...containers.list(), ...networks.list(), ...volumes.list()].filter(([, { status }]) => status?.drift !== undefined).map(([name]) => name));
  }

  #stackOf(name: string): string {
    return this.#context.containers.get(name)?.identity.stack ?? '';
  }

  #stacks(): readonly string[] {
    const { containers, networks, volumes } = this.#context;
    return [...new Set([...[...containers.list().values()].map(({ identity }) => identity.stack), ...[...networks.list().values(), ...volumes.list().values()].map(({ stack }) => stack)])];
  }
}

function labelOf(name: string): string {
  return `container ${name}`;
}

function nothing(): Dirty {
  return { containers: new Set(), links: false, names: false, rules: false, volumes: false, by: null };
}
