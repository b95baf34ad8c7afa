import * as z from 'zod';
import { PassOptions } from './pass-options.ts';
import { Desired, State } from './state.ts';
import type { Plan } from './plan.ts';

/** Where a stack's desired state came from: a change from another folder is noted. */
export const Source = z.strictObject({ workingDir: z.string(), files: z.array(z.string()) });
export type Source = z.infer<typeof Source>;

/**
 * Body of `PUT /stacks/{name}` and `POST /stacks/{name}/plan`. `base`: the revision it was made from, null: whatever is. `bytes`: what the configs and
 * secrets of `desired.contents` hold, by key, in base64; the engine keeps it apart from the state.
 */
export const StackRequest = z.strictObject({
  version: z.literal(1), base: z.int().nullable(), source: Source, desired: Desired, bytes: z.record(z.string(), z.base64()).default({}),
  /** Folder of the stack file it is meant for; a stack of the name that was brought up from another one is refused. Null: whichever has that name. */
  from: z.string().nullable().default(null),
  /** How this one pass goes about it. */
  options: PassOptions.optional(),
  /** The plan that is to come of it, as PlanAnswer has it: where another would, nothing is done and the answer is 409. */
  expected: z.strictObject({ revision: z.int(), digest: z.string() }).optional(),
  /** What becomes of the stack where this fails: it is left as it is then, or is as it was before. */
  onFailure: z.enum(['leave', 'rollback']).optional(),
});
export type StackRequest = z.infer<typeof StackRequest>;

/** Answer of `POST /stacks/{name}/plan`. `digest`: of the steps, with the contents behind them. `settings`: what is desired otherwise without a step for it, a line each; notes of the plan too. */
export interface PlanAnswer { readonly version: 1; readonly revision: number; readonly digest: string; readonly plan: Plan; readonly settings?: readonly string[] }

/** Answer of `GET /stacks/{name}`; `GET /stacks` is an array of these without `actual`. */
export const StackAnswer = z.strictObject({
  version: z.literal(1), name: z.string(), revision: z.int(), source: Source, desired: Desired.nullable(), actual: State,
});
export type StackAnswer = z.infer<typeof StackAnswer>;

/** An element of the answer of `GET /stacks/{name}/revisions`, latest first. `at`: ms since the epoch. `changes`: from the revision before, a line each. */
export interface RevisionAnswer { readonly version: 1; readonly revision: number; readonly at: number; readonly title: string; /** Of what nobody has asked for. */ readonly why?: string; readonly current: boolean; readonly changes: readonly string[] }

/** Body of `POST /stacks/{name}/rollback`; `revision` null: the one before. `from`: as in Operation. */
export const RollbackRequest = z.strictObject({ version: z.literal(1), revision: z.int().positive().nullable(), from: z.string().nullable().default(null) });
export type RollbackRequest = z.infer<typeof RollbackRequest>;

/** Body of `POST /engine/sweep`. `kill`: what still runs of engines that are gone is ended too. `dryRun`: nothing is changed. `roots`: the folders that are meant; none: any. */
export const SweepRequest = z.strictObject({ version: z.literal(1), kill: z.boolean(), dryRun: z.boolean(), roots: z.array(z.string()) });
export type SweepRequest = z.infer<typeof SweepRequest>;

/** Its answer: what was removed of engines that are gone, and what stays and why, a line each. */
export interface SweepAnswer { readonly version: 1; readonly removed: readonly string[]; readonly kept: readonly string[] }

/** Answer of `GET /engine/set-aside`: a line for each record that the engine cannot read. */
export interface SetAsideAnswer { readonly version: 1; readonly lines: readonly string[] }

/**
 * One line (NDJSON) of the answer to `PUT /stacks/{name}` and `DELETE /stacks/{name}`. `plan` comes once for each time the pass
 * planned; `progress` tells of a part of a step that runs; `end` is the last line, always.
 */
export type PassEvent =
  | { readonly version: 1; readonly type: 'plan'; readonly plan: Plan }
  | { readonly version: 1; readonly type: 'step'; readonly id: string; readonly state: StepState; readonly ms: number; readonly message: string }
  | ({ readonly version: 1; readonly type: 'progress'; readonly id: string } & PartProgress)
  | { readonly version: 1; readonly type: 'end'; readonly ok: boolean; readonly revision: number; readonly message: string };

/** `skipped`: something it needs failed; `message` names it. `cancelled`: the pass was pre-empted. */
export type StepState = 'started' | 'done' | 'failed' | 'skipped' | 'cancelled';

/** One line (NDJSON) of the answer to `GET /stacks/{name}/logs`. `time` in ms since the epoch; `line` without its newline. */
export interface LogLine {
  readonly version: 1;
  readonly container: string;
  readonly service: string;
  readonly stream: 'stdout' | 'stderr';
  readonly time: number;
  /** What comes on top of `time`, below 1,000,000; an engine of before does not say it. */
  readonly nanoseconds?: number;
  readonly line: string;
  /** The bytes of the line, where `line` cannot say them because they are not UTF-8. */
  readonly base64?: string;
  /** The container's next line of this stream goes on with this one: it is too long for one. */
  readonly partial?: true;
  /** A hook of the container has written it, not the container; it is kept nowhere. */
  readonly hook?: true;
  /** No line: the container has ended, with this code. */
  readonly ended?: number;
}

/** How far one part of a step is: a layer of an image that is pulled or pushed. `total` bytes; 0 where nobody knows. */
export interface PartProgress {
  /** Digest of the layer's blob; '' for what is asked of a registry beside the layers. */
  readonly part: string;
  readonly state: PartState;
  readonly current: number;
  readonly total: number;
  /** Of `retrying`: what went wrong, and how often it is tried, a line. */
  readonly why?: string;
}

/** `present`: it was there already. `unpacking`: all bytes have come. `retrying`: the connection failed and is made anew. */
export type PartState = 'waiting' | 'present' | 'downloading' | 'retrying' | 'unpacking' | 'uploading' | 'mounted' | 'done';
