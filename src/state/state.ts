import * as z from 'zod';
import { Container } from './container.ts';
import { Content } from './content.ts';
import { DriftPolicy } from './drift.ts';
import { Image } from './image.ts';
import { Network } from './network.ts';
import { Provider } from './provider.ts';
import { Service } from './service.ts';
import { Volume } from './volume.ts';

/**
 * The one vocabulary of both sides. Keys are full names: of containers `project-service-N`, of networks and volumes
 * `project_key`, of images the reference, of services the name in the file, of contents the kind before the name.
 *
 * Desired: `services` says what containers there shall be (the planner expands replicas), `containers` holds only those
 * that belong to no service (the API's, and one-offs). Actual: `services` is empty, `containers` is what exists.
 */
export const State = z.strictObject({
  stack: z.string(),
  services: z.record(z.string(), Service),
  containers: z.record(z.string(), Container),
  networks: z.record(z.string(), Network),
  volumes: z.record(z.string(), Volume),
  images: z.record(z.string(), Image),
  contents: z.record(z.string(), Content),
});
export type State = z.infer<typeof State>;

/** The desired side: a State, and what may be removed that it does not name. */
export const Desired = State.extend({
  remove: z.strictObject({
    /** Containers and networks of services that are no longer named. False: they are reported and kept. */
    orphans: z.boolean(),
    /** The stack's volumes that are not named. */
    volumes: z.boolean(),
  }),
  /** Seconds to wait for a container to stop, in place of each one's own grace period; null: each one's own. */
  stopTimeoutSeconds: z.number().nullable(),
  /** Services of the file that are not asked for (of another profile, or left out by `up SERVICE`): what is there of them stays as it is. */
  inactive: z.array(z.string()).default([]),
  /** Containers that are to be made and not started. */
  unstarted: z.array(z.string()).default([]),
  /** What becomes of networks and volumes that drift. */
  drift: DriftPolicy.default('heal'),
  /** Services that are no containers, by name, each after those that it depends on; left out: there are none. */
  providers: z.record(z.string(), Provider).exactOptional(),
  /** Lines about what the file asks for and this version does not do. */
  notes: z.array(z.string()),
});
export type Desired = z.infer<typeof Desired>;

/** A State in which nothing is. */
export function emptyState(stack: string): State {
  return { stack, services: {}, containers: {}, networks: {}, volumes: {}, images: {}, contents: {} };
}

/** The desired side of `down`: nothing of the stack remains, volumes only if asked. */
export function nothingDesired(stack: string, volumes: boolean, stopTimeoutSeconds: number | null): Desired {
  return { ...emptyState(stack), inactive: [], unstarted: [], remove: { orphans: true, volumes }, stopTimeoutSeconds, drift: 'heal', notes: [] };
}
