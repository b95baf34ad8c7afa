import * as z from 'zod';

/** How one pass goes about a desired state. It is no part of what is desired, and not kept. */
export const PassOptions = z.strictObject({
  /** Services that the pass is about, null: all; the others stay as they are. */
  only: z.array(z.string()).nullable(),
  /** When a container of `recreated` (null: of any service) is made anew: where it differs, in any case, or not even where it differs. */
  recreate: z.enum(['changed', 'always', 'never']),
  recreated: z.array(z.string()).nullable(),
  /** Anonymous volumes of what is made anew go with it. */
  renewVolumes: z.boolean(),
  /** It goes back to what was: containers are replaced as their services' `rollback` says. */
  goingBack: z.boolean().default(false),
  /** Containers that stay as they are, and that nobody waits for. */
  left: z.array(z.string()).default([]),
  /** Containers of services that are not desired are not told of. */
  ignoreOrphans: z.boolean().exactOptional(),
});
export type PassOptions = z.infer<typeof PassOptions>;

export const USUAL_PASS: PassOptions = { only: null, recreate: 'changed', recreated: null, renewVolumes: false, goingBack: false, left: [] };
export const ROLLBACK_PASS: PassOptions = { ...USUAL_PASS, goingBack: true };
