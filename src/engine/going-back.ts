import type { BayplanError } from '../state/bayplan-error.ts';
import type { PassEvent } from '../state/messages.ts';
import { ROLLBACK_PASS } from '../state/pass-options.ts';
import type { DesiredStates } from './desired-states.ts';
import type { EngineParts } from './engine-parts.ts';
import type { StackHistory } from './stack-history.ts';
import { isCancelled, PassFailed, type StackPasses, type Surroundings } from './stack-passes.ts';
import { REASON, type StackRecord } from './stack-record.ts';
import { pinned, withServicesOf } from './way-back.ts';

export interface GoingBackContext {
  readonly parts: Pick<EngineParts, 'stacks' | 'report'>;
  readonly states: DesiredStates;
  readonly history: StackHistory;
  readonly passes: StackPasses;
  readonly told: Surroundings['onGoingBack'];
  /** Takes a stack down; its volumes stay. */
  readonly takeDown: (stack: string, onEvent: (event: PassEvent) => void) => Promise<void>;
}

/** What was tried of a stack and has failed. `before`: what stood then; `fresh`: nothing of the stack was there; `whole`: all of it is to go back, else the services whose update asks for that. */
export interface Attempt { readonly record: StackRecord; readonly before: StackRecord | null; readonly fresh: boolean; readonly whole: boolean }

/** Where a stack is after it has gone back, or failed to: its revision, and a sentence for whoever asked. */
export interface WentBack { readonly revision: number; readonly text: string }

/** Makes stacks, or services of them, what they were before a failure, where that is asked for. */
export class GoingBack {
  readonly #context: GoingBackContext;

  constructor(context: GoingBackContext) {
    this.#context = context;
  }

  /** Null: the stack is left as it is, for nobody asks for anything else, or somebody has asked for something else since. */
  async after(failure: BayplanError, attempt: Attempt, onEvent: (event: PassEvent) => void): Promise<WentBack | null> {
    const { record, before, whole } = attempt;
    const services = failure instanceof PassFailed ? failure.rollback : [];
    if (isCancelled(failure) || (!whole && services.length === 0)) return null;
    if (before?.revision === record.revision || this.#context.parts.stacks.get(record.name)?.revision !== record.revision) return null;
    if (before !== null) return await this.#to(before, attempt, services, failure.message.split('\n')[0] ?? '', onEvent);
    return whole ? await this.#toNothing(attempt, onEvent) : null;
  }

  /** The same of what an engine after the one that was asked has gone on with: nobody waits for it either. */
  async resumed(record: StackRecord, failure: PassFailed): Promise<void> {
    const { parts } = this.#context;
    const back = await this.after(failure, { record, before: parts.stacks.former(record.name).at(-1) ?? null, fresh: false, whole: false }, () => undefined);
    if (back !== null) parts.report(`stack ${record.name}: ${back.text}`);
  }

  /** The same of one service, whose update was well at its end and is not any more. Nobody waits for it: it is told in the engine's log, as an event, and with the revision. */
  async late(record: StackRecord, service: string, why: string): Promise<void> {
    const { parts, passes } = this.#context;
    const before = parts.stacks.former(record.name).at(-1);
    if (before === undefined || passes.busy(record.name)) return; // somebody else decides by now
    const back = await this.after(new PassFailed({ ok: false, message: why, rollback: [service] }), { record, before, fresh: false, whole: false }, () => undefined);
    if (back !== null) parts.report(`stack ${record.name}: the update of service ${service} has failed after its end (${why}): ${back.text}`);
  }

  async #to(before: StackRecord, { record, whole }: Attempt, services: readonly string[], why: string, onEvent: (event: PassEvent) => void): Promise<WentBack> {
    const { states, history, passes, told } = this.#context;
    const { name } = record;
    const former = history.revision(name, before.revision);
    const { desired, kept } = whole ? { desired: pinned(former), kept: [] } : withServicesOf(record.desired, former, services);
    const made = await states.put(name, desired, whole ? former.source : record.source, `rollback to ${before.revision}${REASON}${why}`);
    told(name, whole ? null : services, before.revision, why);
    const but = kept.length === 0 ? '' : `, but with ${kept.join(', ')} as now: other services want ${kept.length === 1 ? 'it' : 'them'} so`;
    const what = whole ? `stack ${name}` : `service${services.length === 1 ? '' : 's'} ${services.join(', ')}`;
    try {
      await passes.reconcile(name, made, ROLLBACK_PASS, {}, onEvent, { title: 'rollback' });
      return { revision: made.revision, text: `${what} is as in revision ${before.revision} again${but}` };
    } catch (error) {
      return { revision: made.revision, text: `${what} could not be made as in revision ${before.revision} again: ${error instanceof Error ? error.message : String(error)}` };
    }
  }

  async #toNothing({ record, fresh }: Attempt, onEvent: (event: PassEvent) => void): Promise<WentBack> {
    if (!fresh) return { revision: record.revision, text: `stack ${record.name} stays as it is now: containers or records of it were there, and what was desired then is not known` };
    await this.#context.takeDown(record.name, (event) => { if (event.type !== 'end') onEvent(event); });
    return { revision: 0, text: 'there was no stack before: what was made of it is taken down again' };
  }
}
