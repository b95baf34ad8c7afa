import * as z from 'zod';

/** A command that is run in a container at a point of its life. '' as the container has it. */
export const Hook = z.strictObject({
  command: z.array(z.string()),
  user: z.string(),
  privileged: z.boolean(),
  workingDir: z.string(),
  /** `NAME=value`, beside the container's own. */
  environment: z.array(z.string()),
});
export type Hook = z.infer<typeof Hook>;

/** What runs to its end, in a container of its own, before a service's container starts. An empty `command`: the image's own. */
export const PreStart = Hook.extend({
  image: z.string(),
  /** Before each replica; else once, before the first one starts. */
  perReplica: z.boolean(),
});
export type PreStart = z.infer<typeof PreStart>;
