import * as z from 'zod';

/**
 * What a person asks of containers that a stack has, beside `up` and `down`: body of `POST /stacks/{name}/operations`. It changes nothing of what is desired,
 * but for `remove`: services that have no container left are then no longer asked for.
 */
export const Operation = z.strictObject({
  version: z.literal(1),
  verb: z.enum(['start', 'stop', 'restart', 'kill', 'remove', 'pause', 'unpause']),
  /** Empty: all. */
  services: z.array(z.string()),
  /** Of stop, restart and remove: seconds to wait for an end, in place of each container's own grace period; null: its own. */
  timeoutSeconds: z.int().nonnegative().nullable().default(null),
  /** Of kill. */
  signal: z.string().default('SIGKILL'),
  /** Of start: what the services depend on too. Of restart: what depends on them with `restart: true`. */
  dependencies: z.boolean().default(true),
  /** Of start: ends only when what it has started is healthy. */
  wait: z.boolean().default(false),
  /** Of remove: those that run too, ended first, and one-offs. */
  stop: z.boolean().default(false),
  oneOffs: z.boolean().default(false),
  /** Of remove: volumes that go too; `named`: those of the stack that no other container uses. */
  volumes: z.enum(['none', 'anonymous', 'named']).default('none'),
  /** Folder of the stack file it is meant for; one that the stack was not brought up from is refused. Null: whichever has that name. */
  from: z.string().nullable().default(null),
});
export type Operation = z.infer<typeof Operation>;
