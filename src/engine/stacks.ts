import { foundDrift } from '../plan/drift.ts';
import { planOperation } from '../plan/operation.ts';
import { plan } from '../plan/plan.ts';
import { settingChanges } from '../plan/setting-changes.ts';
import type { PassContext, PassResult } from '../reconcile/pass.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Container, Identity } from '../state/container.ts';
import { type Found, isInterrupted } from '../state/drift.ts';
import type { PassEvent, PlanAnswer, RevisionAnswer, RollbackRequest, StackAnswer, StackRequest } from '../state/messages.ts';
import type { Operation } from '../state/operation.ts';
import { ROLLBACK_PASS, USUAL_PASS } from '../state/pass-options.ts';
import type { Action, Plan } from '../state/plan.ts';
import type { CredentialsByHost } from '../state/registry-credentials.ts';
import { nothingDesired, type Desired, type State } from '../state/state.ts';
import { Aftercare } from './aftercare.ts';
import { checkRuntimes } from './check-runtimes.ts';
import { checkLenders, checkName, checkSchedules, refuseForeign } from './check-stack.ts';
import { DesiredStates } from './desired-states.ts';
import type { EngineParts } from './engine-parts.ts';
import { GoingBack } from './going-back.ts';
import { actualState } from './observe.ts';
import { OneOffs } from './one-offs.ts';
import { planDigest } from './plan-digest.ts';
import { Resumption } from './resumption.ts';
import { StackHistory } from './stack-history.ts';
import { noting, stackNotes } from './stack-notes.ts';
import { StackPasses, type ExecutorFor, type Surroundings } from './stack-passes.ts';
import type { StackRecord } from './stack-record.ts';
import { Trial, type TrialContext } from './trial.ts';
import { pinned } from './way-back.ts';

/** Freezing and signals take nothing over: whoever waits for a container may well be the reason for them. */
const BESIDE: readonly Operation['verb'][] = ['pause', 'unpause', 'kill'];

/** The stacks of an engine: what is desired of each, with its contents, and the passes that make it so. */
export class Stacks {
  readonly #parts: EngineParts;
  readonly #passes: StackPasses;
  readonly #history: StackHistory;
  readonly #states: DesiredStates;
  readonly #resumption: Resumption;
  readonly #oneOffs = new OneOffs();
  readonly #aftercare: Aftercare;
  readonly #trials: TrialContext;

  constructor(parts: EngineParts, executor: ExecutorFor, surroundings: Surroundings) {
    this.#parts = parts;
    const passes = this.#passes = new StackPasses(parts, executor, surroundings);
    const history = this.#history = new StackHistory(parts);
    const states = this.#states = new DesiredStates(parts, history, (stack) => this.busy(stack));
    const takeDown = (stack: string, onEvent: (event: PassEvent) => void): Promise<void> => this.remove(stack, { volumes: false, stopTimeoutSeconds: null }, onEvent, new AbortController().signal);
    const goingBack = new GoingBack({ parts, states, history, passes, takeDown, told: surroundings.onGoingBack });
    this.#trials = { parts, states, history, goingBack };
    this.#resumption = new Resumption({ parts, passes, history, failed: (record, failure) => goingBack.resumed(record, failure), forgotten: () => states.collectContents() });
    this.#aftercare = new Aftercare({ ...parts, failed: (record, service, why) => goingBack.late(record, service, why) });
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
    this.#check(name, request.desired);
    checkLenders(request.desired, request.options?.only ?? null, this.#parts.containers.list());
    const before = this.#parts.stacks.get(name);
    refuseForeign(name, request.from, before);
    const { desired } = this.#states.resolve(name, request);
    const made = plan(desired, actualState(name, desired, this.#parts), Date.now(), Number.POSITIVE_INFINITY, request.options ?? USUAL_PASS);
    const settings = settingChanges(before?.desired ?? null, desired);
    const notes = [...stackNotes(name, request, this.#parts), ...settings, ...made.notes];
    return { version: 1, revision: before?.revision ?? 0, digest: planDigest(made), plan: { ...made, notes }, settings };
  }

  async apply(
    name: string, request: StackRequest, { wait, credentials = {} }: { readonly wait: boolean; readonly credentials?: CredentialsByHost }, onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void> {
    this.#check(name, request.desired);
    checkLenders(request.desired, request.options?.only ?? null, this.#parts.containers.list());
    refuseForeign(name, request.from, this.#parts.stacks.get(name));
    if (request.expected !== undefined) this.#refuseMoved(name, request, request.expected);
    const trial = new Trial(this.#trials, name);
    const options = request.options ?? USUAL_PASS;
    const whole = request.onFailure === 'rollback';
    await this.#ending(onEvent, () => trial.revision, async () => {
      const known = stackNotes(name, request, this.#parts);
      const [since, serving] = [Date.now(), this.#aftercare.serving(name)];
      this.#aftercare.end(name);
      const accepted = await trial.accept({ ...request, base: request.expected?.revision ?? request.base }); // whoever was accepted meanwhile is not overwritten by a plan that knows nothing of it
      const notes = [...known, ...settingChanges(trial.before?.desired ?? null, accepted.desired)];
      try {
        await trial.run(onEvent, (told) => this.#passes.reconcile(name, accepted, options, credentials, noting(notes, told), { title: 'up', client: signal, wary: true, pulled: () => trial.renew(options) }));
        if (wait || whole) await this.#settled(trial.tried ?? accepted, options.only, signal);
        if (trial.before !== null) this.#aftercare.begin(trial.tried ?? accepted, since, serving);
      } catch (error) {
        throw await trial.goBack(error, whole, onEvent);
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
    refuseForeign(name, from, this.#parts.stacks.get(name));
    const target = revision === null ? this.#history.before(name) : this.#history.revision(name, revision);
    const trial = new Trial(this.#trials, name);
    await this.#ending(onEvent, () => trial.revision, async () => {
      const record = await trial.put(pinned(target), target.source, `rollback to ${target.revision}`);
      await trial.run(onEvent, (told) => this.#passes.reconcile(name, record, ROLLBACK_PASS, {}, noting(this.#parts.asides.notes(name), told), { title: 'rollback', client: signal }));
    });
  }

  /** Takes a stack down, and forgets it. */
  async remove(
    name: string, options: { readonly volumes: boolean; readonly stopTimeoutSeconds: number | null; readonly from?: string | null }, onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void> {
    checkName(name, null);
    const before = this.#parts.stacks.get(name);
    refuseForeign(name, options.from ?? null, before);
    await this.#ending(onEvent, () => before?.revision ?? 0, async () => {
      this.#aftercare.end(name);
      const desired = nothingDesired(name, options.volumes, options.stopTimeoutSeconds);
      const record = before === null ? null : await this.#states.putDown(before, desired);
      if (options.stopTimeoutSeconds !== null) this.#hasten(name, options.stopTimeoutSeconds * 1000);
      const told = noting(this.#parts.asides.notes(name), onEvent);
      await this.#oneOffs.without(name, () => this.#passes.reconcile(name, { desired, revision: record?.revision ?? null }, USUAL_PASS, {}, told, { title: 'down', client: signal }));
      if (record !== null) await this.#parts.stacks.remove(name, record.revision);
    });
  }

  /** Does what a person asks of containers that are there. `first` comes before that, once it is known that the stack is meant; it answers what is to be told. */
  async operate(name: string, operation: Operation, onEvent: (event: PassEvent) => void, signal: AbortSignal, first: () => Promise<readonly string[]> = () => Promise.resolve([])): Promise<void> {
    checkName(name, null);
    const before = this.#parts.stacks.get(name);
    refuseForeign(name, operation.from, before);
    await this.#ending(onEvent, () => before?.revision ?? 0, async () => {
      const told = noting([...this.#parts.asides.notes(name), ...await first()], onEvent);
      const desired = before?.desired ?? null;
      const identities = new Map([...this.#parts.containers.list()].map(([container, { identity }]) => [container, identity]));
      let made: Plan | null = null;
      const planned: PassContext['plan'] = (actual) => (made === null ? made = planOperation(operation, desired, actual) : { ...made, steps: [] }); // planned once
      const met = (action: Action): readonly string[] => (made?.steps ?? []).flatMap((step) => (step.action === action && 'name' in step.args ? [step.args.name] : []));
      this.#parts.stacks.stands(name);
      this.#aftercare.end(name);
      const beside = BESIDE.includes(operation.verb);
      if (!beside) this.#passes.forgetInterrupted(name); // the next engine would start again what is stopped here
      await this.#passes.carryOut(beside ? `${name} ${operation.verb}` : name, JSON.stringify(operation), { name, desired, planned, credentials: {} }, told, { title: operation.verb, client: signal });
      if (before !== null) await this.#states.forget(name, met('remove-container').flatMap((container) => identities.get(container) ?? []));
      if (operation.wait) await this.#allReady(met('start-container'), signal);
    }).finally(() => this.#resumption.after(name, operation));
  }

  /** A person has removed a container of a stack by itself. */
  async removed(identity: Identity): Promise<void> {
    if (!this.busy(identity.stack)) await this.#states.forget(identity.stack, [identity]);
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
    this.#check(name, request.desired);
    return await this.#oneOffs.make(name, (signal) => this.#states.admit(name, request, (desired) => make(desired, signal)));
  }

  /** Makes what comes of the stack's own desired state beside its passes, ordered with its end as one-offs are. */
  async beside<T>(name: string, make: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return await this.#oneOffs.make(name, make);
  }

  /** See DesiredStates. */
  collectContents(): void {
    this.#states.collectContents();
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

  /** What any request has to be, whether it is kept as the stack's or not. Throws BayplanError `bad-request`. */
  #check(name: string, desired: Desired): void {
    checkName(name, desired);
    checkRuntimes(desired, this.#parts.runtimes);
    checkSchedules(desired);
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
  async #settled({ name, desired, revision }: StackRecord, only: readonly string[] | null, signal: AbortSignal): Promise<void> {
    const meant = (service: string): boolean => desired.services[service] !== undefined && (only?.includes(service) ?? true);
    const all = Object.entries(actualState(name, desired, this.#parts).containers).filter(([, { identity }]) => identity.owner === 'stack' && meant(identity.service)).map(([container]) => container);
    await this.#allReady(all, signal).catch((error: unknown) => {
      // What somebody, or the end of the machine, has stopped meanwhile has not failed.
      if (this.#parts.stacks.get(name)?.revision !== revision) throw new BayplanError('cancelled', `cancelled: something else was asked of stack ${name} meanwhile`, { cause: error });
      const stopped = all.find((container) => isStopped(this.#parts.containers.get(container)?.status ?? null));
      if (stopped !== undefined) throw new BayplanError('cancelled', `cancelled: container ${stopped} was stopped meanwhile`, { cause: error });
      throw error;
    });
  }

  async #allReady(containers: readonly string[], signal: AbortSignal): Promise<void> {
    await Promise.all(containers.map((container) => this.#parts.supervisor.waitFor(container, 'ready', signal)));
  }
}

/** By somebody, or for another engine to start it again. */
function isStopped(status: Container['status']): boolean {
  return status !== null && (status.held || isInterrupted(status));
}
