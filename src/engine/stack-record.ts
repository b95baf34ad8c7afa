import * as z from 'zod';
import { readingEarlier } from '../runtime/record.ts';
import { Source } from '../state/messages.ts';
import { Desired } from '../state/state.ts';

/** Of a stack's desired state, the one that is wanted and those of before. 2: update policies, users and runtimes of services, which an engine of version 1 would not heed. 3: how services go back, what is done about drift. 4: schedules. 5: providers, devices by request, volumes of other containers. 6: replicas that a person has removed. 7: variables that are taken away. */
export const STACK_RECORD_VERSION = 7;

const Current = z.strictObject({
  version: z.literal(STACK_RECORD_VERSION),
  name: z.string(),
  revision: z.int().positive(),
  source: Source,
  desired: Desired,
  /** When it was accepted, ms since the epoch; 0: not known. */
  at: z.number().default(0),
  /** What was asked for in a word: up, rollback to 3. Behind REASON, why nobody had to ask. */
  title: z.string().default('up'),
});
export type StackRecord = z.infer<typeof Current>;

/** A stack's desired state as it was last accepted: `stacks/<name>/desired.json`. Its revision grows by one with each. */
export const StackRecord: z.ZodType<StackRecord> = readingEarlier(Current, STACK_RECORD_VERSION);

/** The title of what `down` asks for. A stack may desire no service and be there all the same: its volumes, revisions and schedules are. */
export const DOWN = 'down';

/** Stands between what was done and why. */
export const REASON = ': ';

/** Whether the stack is being taken down, after which nothing is known of it any more. */
export function isDown({ title }: Pick<StackRecord, 'title'>): boolean {
  return title === DOWN;
}

/** `images`: reference → config digest of the image that it stood for then. */
const Former = Current.extend({ images: z.record(z.string(), z.string()) });
export type RevisionRecord = z.infer<typeof Former>;

/** A stack's desired state of before, with what a way back to it needs: `stacks/<name>/revisions/<revision>.json`. */
export const RevisionRecord: z.ZodType<RevisionRecord> = readingEarlier(Former, STACK_RECORD_VERSION);
