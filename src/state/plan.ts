import * as z from 'zod';
import { Attachment, ContainerChanges, ContainerSpec, Identity } from './container.ts';
import { NetworkSpec } from './network.ts';
import { VolumeSpec } from './volume.ts';

const name = z.string();

/** What each action is given. A new action is a line here, and does not compile until the executor has it. */
export const StepArgs = {
  /** Makes an image available; fails, saying how to get it, where it cannot. */
  'pull-image': z.strictObject({ image: name, pullPolicy: z.string() }),
  'create-network': z.strictObject({ name, stack: name, network: NetworkSpec }),
  'remove-network': z.strictObject({ name }),
  /** What its record says of it; nothing of it changes. */
  'label-network': z.strictObject({ name, labels: z.record(z.string(), z.string()) }),
  'create-volume': z.strictObject({ name, stack: name, volume: VolumeSpec }),
  'label-volume': z.strictObject({ name, labels: z.record(z.string(), z.string()) }),
  /** Fails for one that a container uses. */
  'remove-volume': z.strictObject({ name }),
  /** Record, addresses and upper folder; no process yet. */
  'create-container': z.strictObject({ name, identity: Identity, spec: ContainerSpec }),
  /** Network namespace, links, process. Clears a hold and the restart counter. */
  'start-container': z.strictObject({ name }),
  /** `again`: it is stopped to be started again, which is made good where something comes between. `optional`: where it fails, that is told, and what needs it goes on. */
  'stop-container': z.strictObject({ name, signal: z.string().nullable(), graceMs: z.number(), again: z.boolean().optional(), optional: z.boolean().optional() }),
  /** `volumes`: its anonymous ones too. `ended`: fails for one that runs. */
  'remove-container': z.strictObject({ name, volumes: z.boolean().optional(), ended: z.boolean().optional() }),
  'signal-container': z.strictObject({ name, signal: z.string() }),
  /** Freezes its processes; its health and its ports stay as they are. */
  'pause-container': z.strictObject({ name }),
  'unpause-container': z.strictObject({ name }),
  /** Changes it in place, its process goes on; ports are another step's. Fails where the kernel does not take a limit. */
  'update-container': z.strictObject({ name, changes: ContainerChanges }),
  /** Its health is unknown again, and looked at soon: what was found before no longer counts. */
  'probe-container': z.strictObject({ name }),
  'rename-container': z.strictObject({ name, to: name }),
  /** At once where it runs, and for its starts to come. `made`: as if it had been made with it; else it is a person's affair. */
  'connect-network': z.strictObject({ name, network: name, attachment: Attachment, made: z.boolean().optional() }),
  'disconnect-network': z.strictObject({ name, network: name }),
  /**
   * No new connection comes to the container any more, by name or published port; ends when those that it has have ended, or after `atMostMs`. Its ports have to be withdrawn
   * by then. Takes no slot.
   */
  'drain-container': z.strictObject({ name, atMostMs: z.number() }),
  /** Puts right what has drifted and can be put right while it runs: links, addresses, routes, limits, its record. */
  'repair-container': z.strictObject({ name }),
  /** Its bridge, with its addresses and ports, and its record. */
  'repair-network': z.strictObject({ name }),
  /** The engine's table, whole. */
  'repair-rules': z.strictObject({}),
  /** Sends published ports to the container, all in one transaction. */
  'publish-ports': z.strictObject({ name }),
  'withdraw-ports': z.strictObject({ name }),
  /**
   * Ends when the container is healthy, or has ended with code 0; fails when it cannot become so. `ready`: healthy where it has a check, else running for a second; `serving`: that, and no end.
   * With `steadyMs` it has to stay so for as long; those `beside` it have to be so then too. `optional`: as above. Takes no slot.
   */
  'wait-container': z.strictObject({ name, until: z.enum(['started', 'healthy', 'completed', 'ready', 'serving']), steadyMs: z.number().optional(), beside: z.array(name).readonly().optional(), optional: z.boolean().optional() }),
  /** Between two batches of an update. Takes no slot. */
  'wait-time': z.strictObject({ ms: z.number() }),
} as const;

type Table = typeof StepArgs;
export type Action = keyof Table;
export type ArgsOf<A extends Action> = z.infer<Table[A]>;

/**
 * One step as plain data. `id` is stable (`start-container shop-web-1`) and unique in its plan; `needs` are ids of steps
 * that must have succeeded first; `why` is the cause in words, naming the field that differs.
 */
export type Step = { [A in Action]: { id: string; action: A; args: ArgsOf<A>; needs: readonly string[]; why: string } }[Action];

/** An update of a service that goes no further. `rollback`: its file wants it to be as it was before. */
export interface Halt { readonly service: string; readonly why: string; readonly rollback: boolean }

/** `wakeAt`: ms since the epoch when the plan should be made again though nothing happens; null: never. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly notes: readonly string[];
  readonly wakeAt: number | null;
  /** Ids of steps that try out a new container: where one fails, the next plan reads from the world what has become of it. */
  readonly trials?: readonly string[];
  readonly halts?: readonly Halt[];
}
