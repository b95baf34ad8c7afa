import * as z from 'zod';

/**
 * Something of the stack's that is not as it was made, though nobody asked for that through the engine. `process`: it is gone and left no exit. `health`: it is unhealthy, where the file wants it restarted then. `network`: links, addresses and routes of a container, or
 * the bridge of a network. `rules`: packet rules. `limit`: of the cgroup. `mount`: inside a container. `record`: what the engine keeps on disk. `data`: files of a volume, or what a container has written.
 */
export const Drift = z.strictObject({
  kind: z.enum(['process', 'health', 'network', 'rules', 'limit', 'mount', 'record', 'data']),
  /** What of it, as `memory.limit_in_bytes` or `networks[shop_default].address`. */
  field: z.string(),
  expected: z.string(),
  found: z.string(),
  /** Who did it, where the kernel says so. */
  by: z.string().optional(),
});
export type Drift = z.infer<typeof Drift>;

/** Whether the engine puts right what drifts, or only says so. */
export const DriftPolicy = z.enum(['heal', 'report']);
export type DriftPolicy = z.infer<typeof DriftPolicy>;

/** What the engine does by itself for a service: `x-bayplan: {drift, unhealthy}`. */
export const Care = z.strictObject({ drift: DriftPolicy, unhealthy: z.enum(['leave', 'restart']) });
export type Care = z.infer<typeof Care>;

export const USUAL_CARE: Care = { drift: 'heal', unhealthy: 'leave' };

/** What becomes of a drift. `held`: a person has stopped or removed it, and it stays so. */
export type DriftFate = DriftPolicy | 'held';

/** Something of a stack's that is not as it was made, or held. */
export interface Found { readonly object: 'container' | 'network' | 'volume'; readonly name: string; readonly drift: readonly Drift[]; readonly fate: DriftFate; /** It is held, and not there. */ readonly removed?: true }

/** An element of the answer of `GET /stacks/{name}/drift`. `state`: how far its healing is, as src/engine/drift-machine.ts has it; `found`: nothing was done about it yet. */
export interface DriftAnswer extends Found { readonly version: 1; readonly state: string; /** Why it could not be put right, where that is so. */ readonly error?: string }

/** Its own stop by the engine, which is to start it again: what has come to that is no end of its own. */
export function isInterrupted({ phase, drift = [] }: { readonly phase: string; readonly drift?: readonly Drift[] | undefined }): boolean {
  return phase === 'exited' && drift.some(({ kind }) => kind === 'process');
}

/** In one line: `memory.limit_in_bytes: expected 67108864, found 33554432`. */
export function driftText({ field, expected, found, by }: Drift): string {
  return `${field}: expected ${expected}, found ${found}${by === undefined ? '' : ` (${by})`}`;
}
