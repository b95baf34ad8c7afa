import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ArchiveClient } from '../client/archive-client.ts';
import type { ContainerSummary } from '../client/container-summary.ts';
import type { EngineClient } from '../client/engine-client.ts';
import type { Project } from '../stack/index.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Hook } from '../state/hook.ts';
import type { StackRequest } from '../state/messages.ts';
import type { Desired } from '../state/state.ts';
import { Burst } from '../watch/burst.ts';
import { decide, type ServiceWork, type SyncedPath } from '../watch/decide.ts';
import { FileWatcher } from '../watch/file-watcher.ts';
import { filesBelow } from '../watch/files-below.ts';
import { isBelow } from '../watch/is-below.ts';
import { watchRules, type WatchRule } from '../watch/rules.ts';
import { syncFiles } from '../watch/sync-files.ts';
import { MistakesFound, readText, type Seen } from './load-project.ts';
import type { PassView } from './pass-view.ts';

/** How long a restart waits for a pass. */
const PATIENCE_MS = 3000;

/** A stack as its files say, and what is asked of the engine for it. */
export interface LoadedStack { readonly project: Project; readonly request: StackRequest }

export interface StackWatchParts {
  /** Loads it anew; what it looks at goes into `seen`, also where it fails. */
  readonly load: (seen: Seen) => Promise<LoadedStack>;
  /** Services whose `develop.watch` counts; empty: all. */
  readonly services: readonly string[];
  readonly client: EngineClient;
  /** A new one for each pass. */
  readonly view: () => PassView;
  /** What services write in hooks. */
  readonly print: (text: Buffer) => void;
  readonly tell: (line: string) => void;
  readonly complain: (line: string) => void;
}

/** Follows the files of a stack that is up: the stack's own, which make it anew, and those of `develop.watch`. One burst of changes is worked off at a time; a pass goes on beside that. */
export class StackWatch {
  readonly #parts: StackWatchParts;
  readonly #archives: ArchiveClient;
  readonly #burst = new Burst();
  readonly #watcher: FileWatcher;
  #loaded: LoadedStack;
  #files: ReadonlySet<string>;
  #rules: readonly WatchRule[] = [];
  /** Containers that have what was copied so far, by id. */
  readonly #current = new Set<string>();
  /** What was copied into each service's containers since the start, by its place there: one that is made anew gets it too. */
  readonly #copied = new Map<string, Map<string, SyncedPath>>();
  #pass: { readonly abort: AbortController; readonly settled: Promise<void> } | null = null;

  /** `seen`: what was looked at when the stack was loaded. */
  constructor(parts: StackWatchParts, loaded: LoadedStack, seen: Seen) {
    this.#parts = parts;
    this.#archives = new ArchiveClient(parts.client);
    this.#loaded = loaded;
    this.#files = new Set(seen);
    this.#watcher = new FileWatcher({
      skips: (folder) => this.#rules.every(({ path, skips }) => !isBelow(path, folder) && (!isBelow(folder, path) || skips(folder))),
      changed: (path) => this.#burst.add(path), failed: ({ message }) => parts.complain(message),
    });
  }

  get desired(): Desired {
    return this.#loaded.request.desired;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { tell } = this.#parts;
    const ended = new Promise<void>((resolve) => { signal.addEventListener('abort', () => resolve(), { once: true }); });
    try {
      this.#follow();
      for (const { Id, Bayplan } of await this.#containers()) if (!this.#rules.some(({ service, initial }) => initial && service === Bayplan.service)) this.#current.add(Id);
      await this.#refill();
      tell(this.#rules.length === 0 ? 'Watch enabled: the stack\'s own files; no service has develop.watch' : 'Watch enabled');
      for (;;) {
        const changed = await this.#burst.next(signal);
        if (signal.aborted) break;
        await Promise.race([this.#workOff(changed), ended]); // whoever ends the watch does not wait for an engine that does not answer
      }
    } finally {
      this.#watcher.close();
      this.#pass?.abort.abort();
      await Promise.race([this.#pass?.settled, sleep(PATIENCE_MS, undefined, { ref: false })]);
    }
    tell('Watch disabled');
  }

  async #workOff(changed: ReadonlySet<string>): Promise<void> {
    if ([...changed].some((path) => this.#files.has(path))) await this.#reload();
    await Promise.all([...decide(this.#rules, changed)].map(async ([service, work]) => this.#attempt(service, () => this.#work(service, work))));
  }

  #follow(): void {
    const { rules, notes } = watchRules(this.#loaded.project, this.#parts.services, readText);
    for (const note of notes) this.#parts.tell(note);
    this.#rules = rules;
    this.#watcher.follow([...this.#files, ...rules.map(({ path }) => path)]);
  }

  /** A file of the stack was saved. What has mistakes changes nothing. */
  async #reload(): Promise<void> {
    const { load, tell, complain } = this.#parts;
    const seen: Seen = new Set();
    try {
      const loaded = await load(seen);
      const name = this.#loaded.project.name;
      if (loaded.project.name !== name) throw new BayplanError('other-stack', `the stack is called "${loaded.project.name}" now, not "${name}": watch it anew; nothing was changed`);
      const rules = !isDeepStrictEqual(loaded.project.services, this.#loaded.project.services) || !isDeepStrictEqual(seen, this.#files);
      this.#loaded = loaded;
      this.#files = seen;
      if (rules) this.#follow();
    } catch (error) {
      this.#files = new Set([...this.#files, ...seen]);
      this.#watcher.follow([...this.#files, ...this.#rules.map(({ path }) => path)]);
      if (!(error instanceof BayplanError)) throw error;
      return complain(error instanceof MistakesFound ? error.message : `the stack's files cannot be used: ${error.message}`);
    }
    tell('the stack\'s files were saved');
    this.#begin();
  }

  /** Begins a pass in place of the one that is under way. */
  #begin(): void {
    this.#pass?.abort.abort();
    const abort = new AbortController();
    const pass = { abort, settled: this.#apply(this.#loaded.request, abort.signal).finally(() => { if (this.#pass === pass) this.#pass = null; }) };
    this.#pass = pass;
  }

  /** Makes the stack as its files say by now; a later save cuts it short. */
  async #apply(request: StackRequest, signal: AbortSignal): Promise<void> {
    const { client, complain, view } = this.#parts;
    const shown = view();
    try {
      for await (const event of client.applyStack(this.#loaded.project.name, request, { wait: false, attached: true }, signal)) shown.event(event);
      if (shown.finish() === 0 && shown.done === 0) shown.note('nothing to do');
      await this.#refill();
    } catch (error) {
      if (!signal.aborted) complain(error instanceof Error ? error.message : String(error));
    } finally {
      shown.close();
    }
  }

  /** Copies into containers that are new what was copied into those before them. */
  async #refill(): Promise<void> {
    const fresh = new Set((await this.#containers()).flatMap(({ Id, Bayplan }) => (this.#current.has(Id) ? [] : [Bayplan.service])));
    await Promise.all([...fresh].map(async (service) => this.#attempt(service, async () => {
      const first = this.#rules.filter((rule) => rule.service === service && rule.initial).flatMap((rule) => filesBelow(rule));
      if (first.length > 0 || this.#copied.has(service)) await this.#sync(service, decide(this.#rules.filter((rule) => rule.service === service && rule.initial), first).get(service)?.sync ?? []);
    })));
  }

  async #work(service: string, { sync, restart, exec, rebuild }: ServiceWork): Promise<void> {
    const { tell } = this.#parts;
    if (rebuild > 0) tell(`service "${service}": ${rebuild} change${rebuild === 1 ? ' asks' : 's ask'} for a rebuild, and images cannot be built yet: build its image elsewhere, and load it`);
    if (sync.length > 0) await this.#sync(service, sync);
    if (restart) await this.#restart(service);
    for (const hook of exec) await Promise.all((await this.#containers(service)).filter(({ State }) => State === 'running').map(({ Id }) => this.#exec(service, Id, hook)));
  }

  /** A pass that is under way would be taken over: it is waited for, and one that does not end, as where it waits for the health of what is broken, begins anew afterwards. */
  async #restart(service: string): Promise<void> {
    const { name, workingDir } = this.#loaded.project;
    if (this.#pass !== null) await Promise.race([this.#pass.settled, sleep(PATIENCE_MS, undefined, { ref: false })]);
    const cut = this.#pass;
    cut?.abort.abort();
    await cut?.settled;
    const shown = this.#parts.view();
    for await (const event of this.#parts.client.operate(name, { verb: 'restart', services: [service], from: workingDir })) shown.event(event);
    if (shown.finish() === 0) this.#parts.tell(`service(s) ["${service}"] restarted`);
    if (cut !== null && this.#pass === null) this.#begin();
  }

  async #sync(service: string, paths: readonly SyncedPath[]): Promise<void> {
    const copied = this.#copied.get(service) ?? new Map<string, SyncedPath>();
    this.#copied.set(service, copied);
    for (const each of paths) copied.set(`${each.target}\0${each.name}`, each);
    const containers = await this.#containers(service);
    if (containers.length === 0) return;
    this.#parts.tell(`Syncing service "${service}" after ${paths.length === 0 ? copied.size : paths.length} changes were detected`);
    await Promise.all(containers.map(async ({ Id }) => {
      try {
        await syncFiles(this.#archives, Id, this.#current.delete(Id) ? paths : [...copied.values()]);
        this.#current.add(Id);
      } catch (error) {
        if ((await this.#containers(service)).some((one) => one.Id === Id)) throw error; // else another takes its place, and gets all
      }
    }));
  }

  async #exec(service: string, container: string, { command, environment, user, workingDir, privileged }: Hook): Promise<void> {
    const { client, print, complain } = this.#parts;
    const id = await client.createExec(container, { argv: command, environment, user, workingDir, privileged, tty: false });
    const out = new Writable({ write: (chunk: Buffer, _encoding, done) => {
      print(chunk);
      done();
    } });
    const code = await client.startExec(id, { stdin: null, stdout: out, stderr: out }, { tty: false, detachKeys: null }, null);
    if (code !== 0) complain(`service "${service}": ${command.join(' ')}: exit code ${String(code)}`);
  }

  /** What fails of one service is told, and leaves the others alone. */
  async #attempt(service: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.complain(`service "${service}": ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Of the stack's services, or of one of them. */
  async #containers(service?: string): Promise<readonly ContainerSummary[]> {
    return (await this.#parts.client.containers(this.#loaded.project.name, true)).filter(({ Bayplan }) => Bayplan.owner === 'stack' && (service === undefined || Bayplan.service === service));
  }
}
