import * as z from 'zod';

/**
 * A config or secret. Bytes never stand in a State: they live in the engine's 0600 store, under a digest that is keyed, so that it tells nothing
 * of them. `digest` is '' in what a client sends along with the bytes. External ones are preconditions: another stack's, by their full name.
 */
export const Content = z.strictObject({
  kind: z.enum(['config', 'secret']),
  external: z.boolean().default(false),
  digest: z.string(),
});
export type Content = z.infer<typeof Content>;

/** The key of a config or secret in `State.contents`: `secret shop_password`, as messages name it too. `name` is its full name. */
export function contentKey(kind: Content['kind'], name: string): string {
  return `${kind} ${name}`;
}
