import { foundDrift } from '../plan/drift.ts';
import { planOperation } from '../plan/operation.ts';
import { plan } from '../plan/plan.ts';
import { settingChanges } from '../plan/setting-changes.ts';
import type { PassContext, PassResult } from '../reconcile/pass.ts';
import { replacedBinds } from '../runtime/container/replaced-binds.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Identity } from '../state/container.ts';
import type { Content } from '../state/content.ts';
import type { Found } from '../state/drift.ts';
import type { PassEvent, PlanAnswer, RevisionAnswer, RollbackRequest, Source, StackAnswer, StackRequest } from '../state/messages.ts';
import type { Operation } from '../state/operation.ts';
import { ROLLBACK_PASS, USUAL_PASS } from '../state/pass-options.ts';
import type { Action, Plan } from '../state/plan.ts';
import type { CredentialsByHost } from '../state/registry-credentials.ts';
import { nothingDesired, type Desired, type State } from '../state/state.ts';
import { Aftercare } from './aftercare.ts';
import { checkRuntimes } from './check-runtimes.ts';
import { checkLenders, checkName, checkSchedules, refuseForeign } from './check-stack.ts';
import type { EngineParts } from './engine-parts.ts';
import { atFirstChange } from './first-change.ts';
import { machineNotes } from './machine-notes.ts';
import { actualState } from './observe.ts';
import { planDigest } from './plan-digest.ts';
import { OneOffs } from './one-offs.ts';
import { Resumption } from './resumption.ts';
import { resolveContents, type ResolvedContents } from './resolve-contents.ts';
import { StackHistory } from './stack-history.ts';
import { PassFailed, StackPasses, type ExecutorFor, type Surroundings } from './stack-passes.ts';
import { DOWN, type StackRecord } from './stack-record.ts';
import type { Acceptance } from './stack-store.ts';
import { pinned, withServicesOf } from './way-back.ts';
import { withoutRemoved } from './removed-replicas.ts';

/** The stacks of an engine: what is desired of each, with its contents, and the passes that make it so. */
export class Stacks {
  readonly #parts: EngineParts;
  readonly #passes: StackPasses;
  readonly #history: StackHistory;
  readonly #resumption: Resumption;
  readonly #oneOffs = new OneOffs();
  readonly #aftercare: Aftercare;
  /** Requests whose contents are kept, and not yet named by a desired state. */
  #admitting = 0;

  constructor(parts: EngineParts, executor: ExecutorFor, surroundings: Surroundings) {
    this.#parts = parts;
    this.#passes = new StackPasses(parts, executor, surroundings);
    this.#history = new StackHistory(parts);
    this.#resumption = new Resumption({ parts, passes: this.#passes, history: this.#history, forgotten: () => this.collectContents() });
    this.#aftercare = new Aftercare({ ...parts, failed: (record, service, why) => this.#rollBackLate(record, service, why) });
  }

  /** Whether a pass over the stack is under way. */
  busy(stack: string): boolean {
    return this.#passes.busy(stack);
  }

  anyBusy(): boolean {
    return this.#passes.anyBusy();
  }

  /** Whether a pass is under way that may want the network. */
  wantsNetwork(network: string): boolean {
    return this.#parts.stacks.list().some(({ name, desired }) => desired.networks[network] !== undefined && this.busy(name));
  }

  list(): readonly StackAnswer[] {
    return this.#parts.stacks.list().map((record) => this.#answer(record));
  }

  /** Throws BayplanError `not-found`. */
  get(name: string): StackAnswer {
    const record = this.#parts.stacks.get(name);
    if (record === null) throw new BayplanError('not-found', `no such stack: ${name}`);
    return this.#answer(record);
  }

  /** Looks again at what was seen to drift, which may have been an instant of something else. */
  async lookAgain(name: string, desired: Desired | null): Promise<void> {
    await this.#passes.observe(name, desired);
  }

  plan(name: string, request: StackRequest): PlanAnswer {
    checkName(name, request.desired);
    checkRuntimes(request.desired, this.#parts.runtimes);
    checkSchedules(request.desired);
    checkLenders(request.desired, this.#parts.containers.list());
    refuseForeign(name, request.from, this.#parts.stacks.get(name));
    const { desired } = this.#resolve(name, request);
    const made = plan(desired, actualState(name, desired, this.#parts), Date.now(), Number.POSITIVE_INFINITY, request.options ?? USUAL_PASS);
    const before = this.#parts.stacks.get(name);
    const settings = settingChanges(before?.desired ?? null, desired);
    const notes = [...this.#notes(name, request), ...settings, ...made.notes];
    return { version: 1, revision: before?.revision ?? 0, digest: planDigest(made), plan: { ...made, notes }, settings };
  }

  async apply(
    name: string, request: StackRequest, options: { readonly wait: boolean; readonly credentials?: CredentialsByHost }, onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void> {
    checkName(name, request.desired);
    checkRuntimes(request.desired, this.#parts.runtimes);
    checkSchedules(request.desired);
    checkLenders(request.desired, this.#parts.containers.list());
    const before = this.#parts.stacks.get(name);
    refuseForeign(name, request.from, before);
    if (request.expected !== undefined) this.#refuseMoved(name, request, request.expected);
    const standing = this.#parts.stacks.standing(name);
    const fresh = standing === null && !this.#hasTraces(name);
    let revision = before?.revision ?? 0;
    await this.#ending(onEvent, () => revision, async () => {
      const known = this.#notes(name, request);
      const base = request.expected?.revision ?? request.base; // whoever was accepted meanwhile is not overwritten by a plan that knows nothing of it
      const [since, serving] = [Date.now(), this.#aftercare.serving(name)];
      this.#aftercare.end(name);
      const images = before === null ? {} : this.#history.imagesOf(name, before.desired); // until now
      let record = await this.#accept(name, { ...request, base });
      revision = record.revision;
      const notes = [...known, ...settingChanges(before?.desired ?? null, record.desired)];
      const pulled = async (): Promise<number | null> => {
        if (before?.revision !== record.revision || this.#parts.stacks.get(name)?.revision !== record.revision || !this.#history.hasMoved(name, record.desired, request.options ?? USUAL_PASS)) return null;
        record = await this.#put(name, record.desired, record.source, 'up', { renewed: true, trial: true, images: () => images });
        return revision = record.revision;
      };
      if (before === null && !fresh) this.#parts.stacks.stands(name); // what was desired before is not known
      const whole = request.onFailure === 'rollback';
      try {
        await this.#try(() => record, onEvent, (told) =>
          this.#passes.reconcile(name, record, request.options ?? USUAL_PASS, options.credentials ?? {}, noting(notes, told), { title: 'up', client: signal, wary: true, pulled }));
        if (options.wait || whole) await this.#settled(record, request.options?.only ?? null, signal);
        if (before !== null) this.#aftercare.begin(record, since, serving);
      } catch (error) {
        revision = Math.min(record.revision, this.#parts.stacks.get(name)?.revision ?? 0);
        const back = error instanceof BayplanError ? await this.#goBack(error, { before: standing, fresh, record, whole }, onEvent) : null;
        if (back === null || !(error instanceof BayplanError)) throw error;
        revision = back.revision;
        throw new BayplanError(error.code, `${error.message}\n${back.text}`);
      }
    });
  }

  /** Latest first. Throws BayplanError `not-found`. */
  history(name: string): readonly RevisionAnswer[] {
    return this.#history.list(name);
  }

  /** What has changed from one revision to another, a line each. Throws BayplanError `not-found`. */
  diff(name: string, from: number, to: number): readonly string[] {
    return this.#history.diff(name, from, to);
  }

  /** Makes a stack what it was at a former revision, which becomes its next one. */
  async rollback(name: string, { revision, from }: RollbackRequest, onEvent: (event: PassEvent) => void, signal: AbortSignal): Promise<void> {
    checkName(name, null);
    const now = this.#parts.stacks.get(name);
    refuseForeign(name, from, now);
    const target = revision === null ? this.#history.before(name) : this.#history.revision(name, revision);
    let made = now?.revision ?? 0;
    await this.#ending(onEvent, () => made, async () => {
      const record = await this.#put(name, pinned(target), target.source, `rollback to ${target.revision}`, { trial: true });
      made = record.revision;
      await this.#try(() => record, onEvent, (told) => this.#passes.reconcile(name, record, ROLLBACK_PASS, {}, noting(this.#parts.asides.notes(name), told), { title: 'rollback', client: signal }))
        .finally(() => { made = Math.min(made, this.#parts.stacks.get(name)?.revision ?? 0); });
    });
  }

  async remove(
    name: string, options: { readonly volumes: boolean; readonly stopTimeoutSeconds: number | null; readonly from?: string | null }, onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void> {
    checkName(name, null);
    const before = this.#parts.stacks.get(name);
    refuseForeign(name, options.from ?? null, before);
    await this.#ending(onEvent, () => before?.revision ?? 0, async () => {
      this.#aftercare.end(name);
      const desired = nothingDesired(name, options.volumes, options.stopTimeoutSeconds);
      const record = before === null ? null : await this.#intent(before, desired);
      if (options.stopTimeoutSeconds !== null) this.#hasten(name, options.stopTimeoutSeconds * 1000);
      await this.#oneOffs.without(name, () => this.#passes.reconcile(name, { desired, revision: record?.revision ?? null }, USUAL_PASS, {}, noting(this.#parts.asides.notes(name), onEvent), { title: 'down', client: signal }));
      if (record !== null) await this.#parts.stacks.remove(name, record.revision);
    });
  }

  /** Does what a person asks of containers that are there. `first` comes before that, once it is known that the stack is meant; it answers what is to be told. */
  async operate(name: string, operation: Operation, onEvent: (event: PassEvent) => void, signal: AbortSignal, first: () => Promise<readonly string[]> = () => Promise.resolve([])): Promise<void> {
    checkName(name, null);
    const before = this.#parts.stacks.get(name);
    refuseForeign(name, operation.from, before);
    await this.#ending(onEvent, () => before?.revision ?? 0, async () => {
      const notes = [...this.#parts.asides.notes(name), ...await first()];
      const desired = before?.desired ?? null;
      const identities = new Map([...this.#parts.containers.list()].map(([container, { identity }]) => [container, identity]));
      let made: Plan | null = null;
      const planned: PassContext['plan'] = (actual) => (made === null ? made = planOperation(operation, desired, actual) : { ...made, steps: [] }); // planned once
      this.#parts.stacks.stands(name);
      this.#aftercare.end(name);
      // Freezing and signals take nothing over: whoever waits for a container may well be the reason for them.
      const beside = ['pause', 'unpause', 'kill'].includes(operation.verb);
      if (!beside) this.#passes.forgetInterrupted(name); // the next engine would start again what is stopped here
      await this.#passes.carryOut(beside ? `${name} ${operation.verb}` : name, JSON.stringify(operation), { name, desired, planned, credentials: {} }, noting(notes, onEvent), { title: operation.verb, client: signal });
      const met = (action: Action): readonly string[] => (made?.steps ?? []).flatMap((step) => (step.action === action && 'name' in step.args ? [step.args.name] : []));
      if (before !== null) await this.#forget(name, met('remove-container').flatMap((container) => identities.get(container) ?? []));
      if (operation.wait) await this.#allReady(met('start-container'), signal);
    }).finally(() => this.#resumption.after(name, operation));
  }

  /** A person has removed a container of a stack by itself. */
  async removed(identity: Identity): Promise<void> {
    if (!this.busy(identity.stack)) await this.#forget(identity.stack, [identity]);
  }

  /** Puts right what has drifted; see StackPasses. Null: there is no such stack, or something else is being done to it. */
  async heal(name: string, planned: (desired: Desired, actual: State) => Plan): Promise<PassResult | null> {
    const desired = this.#parts.stacks.get(name)?.desired;
    return desired === undefined ? null : await this.#passes.heal(name, desired, (actual) => planned(desired, actual));
  }

  /** What has drifted of each stack that nothing is being done to, as it was last looked at. */
  drifted(names: readonly string[]): ReadonlyMap<string, readonly Found[]> {
    return new Map(this.#parts.stacks.list().flatMap(({ name, desired }) => (names.includes(name) ? [[name, foundDrift(desired, actualState(name, desired, this.#parts))] as const] : [])));
  }

  /** Makes what `make` makes of a request that is not kept as the stack's: a one-off's desired state, with its contents. */
  async once<T>(name: string, request: StackRequest, make: (desired: Desired, signal: AbortSignal) => Promise<T>): Promise<T> {
    checkName(name, request.desired);
    checkRuntimes(request.desired, this.#parts.runtimes);
    checkSchedules(request.desired);
    return await this.#oneOffs.make(name, (signal) => this.#admit(async () => {
      const { desired, bytes } = this.#resolve(name, request);
      await this.#parts.contents.keep(bytes);
      return await make(desired, signal);
    }));
  }

  /** Makes what comes of the stack's own desired state beside its passes, ordered with its end as one-offs are. */
  async beside<T>(name: string, make: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return await this.#oneOffs.make(name, make);
  }

  /** Removes contents that no stack desires, or has a way back to, and no container was made with; nothing while a former revision cannot be read, which may name it. */
  collectContents(): void {
    if (this.#admitting > 0) return; // whoever comes last does it
    const { stacks, contents, containers } = this.#parts;
    const given = [...containers.list().values()].flatMap(({ spec }) => spec.contents);
    const now = new Set([...contentsOf(stacks.list()), ...given].map(({ digest }) => digest));
    if (contents.unused(now).length === 0 || !stacks.formerAreWhole()) return; // the second only then: it reads them
    contents.collect(new Set([...now, ...contentsOf(stacks.allFormer()).map(({ digest }) => digest)]));
  }

  /** Brings the stacks back after a boot. Answers which; each takes its time. */
  boot(): ReadonlySet<string> {
    return this.#resumption.boot();
  }

  /** Goes on with what the end of the engine before has cut off; nobody waits for it. */
  goOn(): void {
    this.#resumption.goOn();
  }

  /** Cancels all passes and waits until they have settled. */
  async close(): Promise<void> {
    this.#aftercare.close();
    await this.#passes.close();
  }

  /** A pass waits until the one before it has settled, and so for the stops that are under way there. */
  #hasten(stack: string, graceMs: number): void {
    for (const [name, { identity }] of this.#parts.containers.list()) if (identity.stack === stack) this.#parts.supervisor.hasten(name, graceMs);
  }

  #answer(record: StackRecord): StackAnswer {
    return { version: 1, name: record.name, revision: record.revision, source: record.source, desired: record.desired, actual: actualState(record.name, record.desired, this.#parts) };
  }

  /** Writes down that a stack goes down. On a full disk it goes down without that: it is what makes room. */
  async #intent(before: StackRecord, desired: Desired): Promise<StackRecord> {
    try {
      return await this.#put(before.name, desired, before.source, DOWN);
    } catch (error) {
      if (error instanceof BayplanError && error.code === 'disk-full') return before;
      throw error;
    }
  }

  #resolve(name: string, request: StackRequest): ResolvedContents {
    return resolveContents(request, this.#parts.contents, this.#parts.stacks.list().filter((other) => other.name !== name).map(({ desired }) => desired));
  }

  /** Keeps what is desired now: the contents before the state that names them. */
  async #accept(name: string, request: StackRequest): Promise<StackRecord> {
    return await this.#admit(async () => {
      const { desired, bytes } = this.#resolve(name, request);
      await this.#parts.contents.keep(bytes);
      const renewed = !this.busy(name) && this.#history.hasMoved(name, desired, request.options ?? USUAL_PASS); // else who asks for the same joins it
      return await this.#put(name, desired, request.source, 'up', { base: request.base, from: request.from, renewed, trial: true });
    });
  }

  async #put(name: string, desired: Desired, source: Source, title: string, how: Partial<Pick<Acceptance, 'base' | 'from' | 'renewed' | 'trial' | 'images'>> = {}): Promise<StackRecord> {
    return await this.#parts.stacks.put(name, desired, { images: (of) => this.#history.imagesOf(name, of), ...how, source, title, at: Date.now() });
  }

  /** Makes a stack what was just accepted. Where that fails before it has changed anything, the stack is what it was, and is to be: a boot or a repair would else go for what nobody has ever seen. */
  async #try(tried: () => StackRecord, onEvent: (event: PassEvent) => void, work: (onEvent: (event: PassEvent) => void) => Promise<void>): Promise<void> {
    const { stacks } = this.#parts;
    const { name } = tried();
    try {
      await work(atFirstChange(onEvent, () => stacks.stands(name)));
      stacks.stands(name);
    } catch (error) {
      if (stacks.former(name).length === 0 && this.#hasTraces(name)) stacks.stands(name); // a run of a schedule has begun meanwhile
      const { revision } = tried();
      if (!isCancelled(error) || (error instanceof PassFailed && error.left)) await stacks.withdraw(name, revision).catch((why: unknown) => this.#parts.report(`stack ${name}: nothing was made of revision ${revision}, and yet it stays: ${String(why)}`));
      throw error;
    }
  }

  /** After a failure makes the stack, or services of it, what they were before, where that is asked for and nobody has asked for something else since. Null: it is left as it is. */
  async #goBack(failure: BayplanError, { before, fresh, record, whole }: { before: StackRecord | null; fresh: boolean; record: StackRecord; whole: boolean }, onEvent: (event: PassEvent) => void): Promise<{ readonly revision: number; readonly text: string } | null> {
    const { name } = record;
    const services = failure instanceof PassFailed ? failure.rollback : [];
    if (isCancelled(failure) || (!whole && services.length === 0) || before?.revision === record.revision || this.#parts.stacks.get(name)?.revision !== record.revision) return null;
    if (before === null) {
      if (!whole) return null;
      if (!fresh) return { revision: record.revision, text: `stack ${name} stays as it is now: containers or records of it were there, and what was desired then is not known` };
      await this.remove(name, { volumes: false, stopTimeoutSeconds: null }, (event) => { if (event.type !== 'end') onEvent(event); }, new AbortController().signal);
      return { revision: 0, text: 'there was no stack before: what was made of it is taken down again' };
    }
    const former = this.#history.revision(name, before.revision);
    const { desired, kept } = whole ? { desired: pinned(former), kept: [] } : withServicesOf(record.desired, former, services);
    const made = await this.#put(name, desired, whole ? former.source : record.source, `rollback to ${before.revision}`);
    const but = kept.length === 0 ? '' : `, but with ${kept.join(', ')} as now: other services want ${kept.length === 1 ? 'it' : 'them'} so`;
    const what = whole ? `stack ${name}` : `service${services.length === 1 ? '' : 's'} ${services.join(', ')}`;
    try {
      await this.#passes.reconcile(name, made, ROLLBACK_PASS, {}, onEvent, { title: 'rollback' });
      return { revision: made.revision, text: `${what} is as in revision ${before.revision} again${but}` };
    } catch (error) {
      return { revision: made.revision, text: `${what} could not be made as in revision ${before.revision} again: ${error instanceof Error ? error.message : String(error)}` };
    }
  }

  /** A service whose update was well at its end, and is not any more, is made what it was before, as its file asks. */
  async #rollBackLate(record: StackRecord, service: string, why: string): Promise<void> {
    const before = this.#parts.stacks.former(record.name).at(-1);
    if (before === undefined || this.busy(record.name)) return; // somebody else decides by now
    const failure = new PassFailed({ ok: false, message: why, rollback: [service] });
    const back = await this.#goBack(failure, { before, fresh: false, record, whole: false }, () => undefined);
    if (back !== null) this.#parts.report(`stack ${record.name}: the update of service ${service} has failed after its end (${why}): ${back.text}`);
  }

  /** Whether a container of the stack is there, or a record of it that cannot be read: it was something before, whatever is known of that. */
  #hasTraces(name: string): boolean {
    return this.#parts.asides.list().some(({ stack }) => stack === name) || [...this.#parts.containers.list().values()].some(({ identity }) => identity.stack === name);
  }

  /** Throws `conflict` where the stack is not any more what a plan was made from. */
  #refuseMoved(name: string, request: StackRequest, expected: NonNullable<StackRequest['expected']>): void {
    const refuse = (what: string): never => {
      throw new BayplanError('conflict', `stack ${name}: ${what} since the plan was made; nothing was changed: make the plan anew`);
    };
    if (this.busy(name)) refuse('something else is being done to it');
    const { revision, digest } = this.plan(name, request);
    if (revision !== expected.revision) refuse(`it was changed (revision ${expected.revision} then, ${revision} now)`);
    if (digest !== expected.digest) refuse('its containers, or what a config or secret holds, have changed');
  }

  async #admit<T>(work: () => Promise<T>): Promise<T> {
    this.#admitting++;
    try {
      return await work();
    } finally {
      this.#admitting--;
    }
  }

  /** What whoever changes a stack should know beside the plan. */
  #notes(name: string, { source, desired }: StackRequest): readonly string[] {
    const before = this.#parts.stacks.get(name)?.source.workingDir;
    const moved = before !== undefined && before !== source.workingDir ? [`stack ${name} was last brought up from ${before}`] : [];
    return [...moved, ...this.#replaced(name), ...this.#parts.asides.notes(name), ...this.#parts.networks.notices(), ...machineNotes(desired, this.#parts.machine)];
  }

  /** Files and folders on the host in whose place others are by now, where containers still have the former ones. */
  #replaced(name: string): readonly string[] {
    return [...this.#parts.containers.list()].flatMap(([container, { identity, spec, status }]) => (identity.stack !== name || status?.phase !== 'running' ? [] : replacedBinds(status.pid, spec).map(({ source, target }) =>
      `container ${container} has at ${target} what was ${source} before that was replaced on the host: \`up --force-recreate ${identity.service}\` gives it what is there now`)));
  }

  /** Runs what answers with events; the last one says how it ended, however it did. */
  async #ending(onEvent: (event: PassEvent) => void, revision: () => number, work: () => Promise<void>): Promise<void> {
    try {
      await work().finally(() => this.collectContents());
      onEvent({ version: 1, type: 'end', ok: true, revision: revision(), message: '' });
    } catch (error) {
      if (!(error instanceof BayplanError)) throw error;
      onEvent({ version: 1, type: 'end', ok: false, revision: revision(), message: error.message });
    }
  }

  /** Waits until all containers that a stack is to have, or those of `only` these services, run (healthy, where they have a check) or have ended with 0. */
  async #settled({ name, desired }: StackRecord, only: readonly string[] | null, signal: AbortSignal): Promise<void> {
    const meant = (service: string): boolean => desired.services[service] !== undefined && (only?.includes(service) ?? true);
    const all = Object.entries(actualState(name, desired, this.#parts).containers).filter(([, { identity }]) => identity.owner === 'stack' && meant(identity.service));
    await this.#allReady(all.map(([container]) => container), signal);
  }

  async #allReady(containers: readonly string[], signal: AbortSignal): Promise<void> {
    await Promise.all(containers.map((container) => this.#parts.supervisor.waitFor(container, 'ready', signal)));
  }

  /** What a person has removed is no longer asked for, until it is brought up again: services with their last container, else replicas. */
  async #forget(name: string, removed: readonly Identity[]): Promise<void> {
    for (;;) {
      const record = this.#parts.stacks.get(name);
      if (record === null) return;
      const left = [...this.#parts.containers.list().values()].flatMap(({ identity }) => (identity.stack === name && identity.owner === 'stack' ? [identity] : []));
      const kept = withoutRemoved(record.desired, removed, left);
      if (kept === record.desired) return;
      try {
        return void await this.#put(name, kept, record.source, 'rm', { base: record.revision, from: null });
      } catch (error) {
        if (!(error instanceof BayplanError && error.code === 'conflict')) throw error; // else another removal was quicker: the same of what is desired by now
      }
    }
  }
}

/** Something else took over, or whoever asked has left. */
function isCancelled(error: unknown): boolean {
  return (error instanceof BayplanError && error.code === 'cancelled') || (error instanceof PassFailed && error.cancelled);
}

function contentsOf(records: readonly Pick<StackRecord, 'desired'>[]): readonly Content[] {
  return records.flatMap(({ desired }) => Object.values(desired.contents));
}

/** Says these once, with the first plan. */
function noting(notes: readonly string[], onEvent: (event: PassEvent) => void): (event: PassEvent) => void {
  let left = notes;
  return (event) => {
    onEvent(event.type === 'plan' ? { ...event, plan: { ...event.plan, notes: [...left, ...event.plan.notes] } } : event);
    if (event.type === 'plan') left = [];
  };
}
