import { createHash } from 'node:crypto';
import type { Plan } from '../state/plan.ts';

/** Equal for plans that do the same in the same order, whatever the words are in which they say why. */
export function planDigest({ steps }: Plan): string {
  return createHash('sha256').update(JSON.stringify(steps.map(({ id, action, args, needs }) => [id, action, args, needs]))).digest('hex');
}
