import * as z from 'zod';
import { ContainerSpec, Identity } from '../../state/container.ts';
import { readingEarlier } from '../record.ts';
import { DRIVER_NAMES } from '../storage/storage-driver.ts';
import { Users } from './users.ts';

/** 2: users, runtime and storage driver of its own, which an engine of version 1 would not heed. 3: hooks before its start, parts of images. 4: devices by request, volumes of other containers. 5: variables that are taken
 * away, ports that are said to be listened at. */
export const CONTAINER_RECORD_VERSION = 5;

const Record = z.strictObject({
  version: z.literal(CONTAINER_RECORD_VERSION),
  id: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string(),
  identity: Identity,
  spec: ContainerSpec,
  /** What its spec is to be: a change of its limits was begun. */
  pending: ContainerSpec.nullable().default(null),
  createdAt: z.number(),
  /** Network's full name → IPv4 address. */
  addresses: z.record(z.string(), z.string()),
  /** The same, IPv6; networks that have it. */
  ipv6Addresses: z.record(z.string(), z.string()).default({}),
  /** Networks of the spec that it was connected to after it was made, oldest first. */
  joined: z.array(z.string()).default([]),
  /** Target → full name of the volume that serves an anonymous one there. */
  anonymousVolumes: z.record(z.string(), z.string()),
  /** Reference → config digest of the image that a mount stood for when it was made. */
  mountedImages: z.record(z.string(), z.string()).default({}),
  /** Name of the runtime that runs it. */
  runtime: z.string().default('bayplan'),
  /** Storage driver that its root was made with. */
  storage: z.enum(DRIVER_NAMES).default('overlay'),
  /** AppArmor profile that its last start was confined by, "unconfined" for none; absent where the kernel has no AppArmor. */
  apparmor: z.string().optional(),
  /** Its users, where they are not the host's: from its creation on, or from its first start on where they are somebody else's. */
  users: Users.nullable().default(null),
  /** To whom what it has written is being given: noted before the first file is. */
  giving: z.object({ to: Users.nullable() }).nullable().default(null),
  /** Why the last start failed; '' when it did not. */
  error: z.string(),
  /** The exit code that goes with it: 126 or 127 as a shell gives them, else 125. */
  errorCode: z.int().default(125),
});
export type ContainerRecord = z.infer<typeof Record>;

/**
 * What is kept of a container on disk, `containers/<id>/container.json`. The spec stands here verbatim: a diff names the field
 * that changed, and nothing is ever derived back from the kernel.
 */
export const ContainerRecord: z.ZodType<ContainerRecord> = readingEarlier(Record, CONTAINER_RECORD_VERSION);

/** What the shim writes when the container has ended. Times in ms since the epoch. */
export const ExitRecord = z.object({
  version: z.number(),
  exitCode: z.int(),
  oomKilled: z.boolean(),
  /** Bytes of output that could not be kept, as on a full disk. */
  outputLost: z.number().default(0),
  startedAt: z.number(),
  finishedAt: z.number(),
});
export type ExitRecord = z.infer<typeof ExitRecord>;

/** The shim's ready line, kept in the bundle's `pid` file. */
export const ReadyLine = z.object({
  version: z.number(),
  pid: z.int(),
  startTime: z.number(),
  shimPid: z.int(),
  shimStartTime: z.number(),
  /** When the program was run, in ms since the epoch; shims of earlier builds do not say. */
  startedAt: z.number().optional(),
});
export type ReadyLine = z.infer<typeof ReadyLine>;

/** The shim's other ready line: the process could not be started. */
export const FailedLine = z.object({ version: z.number(), error: z.string(), errno: z.number(), exitCode: z.int().optional() });
export type FailedLine = z.infer<typeof FailedLine>;
