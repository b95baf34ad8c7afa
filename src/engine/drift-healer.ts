import { planDrift } from '../plan/drift.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { DriftAnswer, Found } from '../state/drift.ts';
import { afterHeal, afterLook, dueAt, type Finding, slows, type Ward } from './drift-machine.ts';
import type { DriftNotes, Wards } from './drift-notes.ts';
import type { EventLog } from './event-log.ts';
import type { Stacks } from './stacks.ts';

export interface DriftHealerContext {
  readonly stacks: Stacks;
  readonly events: EventLog;
  /** Looks anew at all of a stack; answers a line for each look that has failed. */
  readonly look: (stack: string) => Promise<readonly string[]>;
  /** Whether it is not known yet what a heal has come to: a health check has to say. */
  readonly pending: (object: Found['object'], name: string) => boolean;
  /** What an engine before has tried. */
  readonly notes: DriftNotes;
  readonly now: () => number;
  readonly report: (line: string) => void;
}

/** Puts right what drifts, or tells of it, as each stack's file says. What it decides is decided by the tables of drift-machine.ts and plan/drift.ts; what it does, by a pass like any other. */
export class DriftHealer {
  readonly #context: DriftHealerContext;
  readonly #wards: Wards;
  /** Why no plan could be made or carried out for what has drifted of a stack, as it was told last. */
  readonly #failures = new Map<string, string>();
  /** The same of what has drifted itself, by stack and object. */
  readonly #failedHeals = new Map<string, string>();
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(context: DriftHealerContext) {
    this.#context = context;
    this.#wards = context.notes.read();
  }

  /** These stacks were looked at. */
  consider(names: readonly string[]): void {
    if (this.#closed) return;
    const { stacks, now, pending } = this.#context;
    for (const [stack, all] of stacks.drifted(names.filter((name) => !stacks.busy(name)))) {
      const wards = this.#wards.get(stack) ?? new Map<string, Ward>();
      const found = new Map(all.filter(({ fate }) => fate !== 'held').map((one) => [keyOf(one), one]));
      for (const key of new Set([...wards.keys(), ...found.keys()])) {
        const [before, one] = [wards.get(key) ?? null, found.get(key)];
        if (one === undefined && before?.state === 'tried' && pending(...objectOf(key))) continue;
        const after = afterLook(before, one === undefined ? null : findingOf(one), now());
        this.#tell(stack, key, before, after, one);
        if (after === null) wards.delete(key);
        else wards.set(key, after);
      }
      if (wards.size > 0) this.#wards.set(stack, wards);
      else this.#wards.delete(stack);
    }
    this.#context.notes.write(this.#wards);
    this.#arm();
  }

  /** What has drifted of a stack, looked at just now. Throws BayplanError `look-failed` where not all of it can be known. */
  async drift(stack: string): Promise<readonly DriftAnswer[]> {
    const failed = await this.#context.look(stack);
    this.consider([stack]);
    if (failed.length > 0) throw new BayplanError('look-failed', failed.join('\n'));
    return (this.#context.stacks.drifted([stack]).get(stack) ?? []).map((found) => {
      const state = found.fate === 'held' ? 'held' : this.#wards.get(stack)?.get(keyOf(found))?.state ?? 'found';
      const error = state === 'failed' ? this.#failedHeals.get(`${stack}\0${keyOf(found)}`) : undefined;
      return { version: 1, ...found, state, ...(error === undefined ? {} : { error }) };
    });
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Somebody has asked for something, and it was done: what was given up may go better now. */
  passed(stack: string): void {
    for (const [key, { state }] of this.#wards.get(stack) ?? []) if (['given-up', 'failed', 'due'].includes(state)) this.#wards.get(stack)?.delete(key);
    this.consider([stack]);
  }

  /** Sets the timer for what is due next. */
  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const due = [...this.#wards.values()].flatMap((wards) => [...wards.values()].flatMap((ward) => dueAt(ward) ?? []));
    if (due.length === 0 || this.#closed) return;
    this.#timer = setTimeout(() => void this.#healDue(), Math.max(0, Math.min(...due) - this.#context.now())).unref();
  }

  async #healDue(): Promise<void> {
    this.#timer = null;
    await Promise.all([...this.#wards.keys()].map((stack) => this.#heal(stack)));
    this.#arm();
  }

  async #heal(stack: string): Promise<void> {
    const { stacks, now, report } = this.#context;
    const wards = this.#wards.get(stack) ?? new Map<string, Ward>();
    const due = new Set([...wards].filter(([, ward]) => (dueAt(ward) ?? Number.POSITIVE_INFINITY) <= now()).map(([key]) => key));
    if (due.size === 0) return;
    const postpone = (ms: number): void => { for (const key of due) { const ward = wards.get(key); if (ward !== undefined && dueAt(ward) !== null) wards.set(key, { ...ward, at: now() + ms }); } };
    try {
      const result = await stacks.heal(stack, (desired, actual) => planDrift(desired, actual, (found) => found.fate === 'heal' && due.has(keyOf(found))));
      if (result === null || result.cancelled === true) return postpone(BUSY_MS);
      const carriedOut = result.ok || result.vain === true;
      for (const key of due) {
        const ward = wards.get(key);
        if (ward === undefined || dueAt(ward) === null) continue;
        wards.set(key, afterHeal(ward, carriedOut, now()));
        this.#tellFailure(stack, key, ward.cause, carriedOut ? null : result.message.split('\n').join('; '));
      }
      this.consider([stack]);
      this.#failures.delete(stack);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      for (const key of due) { const ward = wards.get(key); if (ward !== undefined && dueAt(ward) !== null) wards.set(key, afterHeal(ward, false, now())); }
      this.#context.notes.write(this.#wards);
      if (this.#failures.get(stack) !== why) report(`stack ${stack}: what has drifted could not be put right: ${why}`);
      this.#failures.set(stack, why);
    }
  }

  #tell(stack: string, key: string, before: Ward | null, after: Ward | null, found: Found | undefined): void {
    if (found !== undefined && after !== null && (before?.cause !== after.cause || before.state === 'healed')) {
      for (const one of found.drift) this.#event(stack, key, 'drift', { field: one.field, expected: one.expected, found: one.found, ...(one.by === undefined ? {} : { by: one.by }), policy: found.fate });
    }
    if (after?.state === 'healed' && before?.state !== 'healed') this.#event(stack, key, 'heal', { cause: after.cause });
    if (after !== null && slows(before, after)) this.#warn(stack, key, 'heal-slowed', after.cause, `it was put right ${after.heals} times and is changed again and again${culpritOf(found)}: it is put right less and less often from now on`);
    if (after?.state === 'given-up' && before?.state !== 'given-up') {
      this.#warn(stack, key, 'heal-gave-up', after.cause, 'it was put right twice in a row, without effect: see to it, then bring the stack up');
    }
  }

  /** Each failure is an event, and a line where it is another than the last one. */
  #tellFailure(stack: string, key: string, cause: string, error: string | null): void {
    const of = `${stack}\0${key}`;
    if (error === null) return void this.#failedHeals.delete(of);
    if (this.#failedHeals.get(of) === error) return this.#event(stack, key, 'heal-failed', { cause, error });
    this.#failedHeals.set(of, error);
    this.#warn(stack, key, 'heal-failed', cause, error);
  }

  #warn(stack: string, key: string, action: string, cause: string, error: string): void {
    this.#event(stack, key, action, { cause, error });
    const [object, name] = objectOf(key);
    this.#context.report(`stack ${stack}: ${object} ${name}: ${cause}: ${action === 'heal-failed' ? 'it could not be put right: ' : ''}${error}`);
  }

  #event(stack: string, key: string, action: string, more: Readonly<Record<string, string>>): void {
    const [object, name] = objectOf(key);
    if (object === 'container') this.#context.events.container(action, name, more);
    else this.#context.events.tell(object, action, name, { name, 'com.docker.compose.project': stack, 'com.docker.compose.oneoff': 'False', ...more });
  }
}

/** While something else is being done to its stack, a heal waits so long. */
const BUSY_MS = 300;

/** What is told and what is healed of one object are two. */
function keyOf({ object, name, fate, drift }: Found): string {
  return `${object} ${name}${fate === 'report' ? ' told' : drift.some(({ kind }) => kind === 'health') ? ' health' : ''}`;
}

function objectOf(key: string): [Found['object'], string] {
  const [object = '', name = ''] = key.split(' ');
  return [object === 'network' || object === 'volume' ? object : 'container', name];
}

function culpritOf(found: Found | undefined): string {
  const by = found?.drift.find((one) => one.by !== undefined)?.by;
  return by === undefined ? '' : `, ${by}`;
}

function findingOf({ drift, fate }: Found): Finding {
  return { cause: [...new Set(drift.map(({ field }) => field))].sort().join(', '), policy: fate === 'report' ? 'report' : 'heal' };
}
