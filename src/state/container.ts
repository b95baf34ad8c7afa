import * as z from 'zod';
import { ClockOffsets, DEFAULT_SECURITY, Device, HOST_CLOCKS, Namespaces, OWN_NAMESPACES, Security } from './confinement.ts';
import { DeviceRequest } from './device-request.ts';
import { Drift } from './drift.ts';
import { Hook, PreStart } from './hook.ts';
import { DEFAULT_LOGGING, Logging } from './logging.ts';
import { Resources, Ulimit } from './resources.ts';

/** Docker's restart policies. `maxRetries` counts for `on-failure` only; 0 means without limit. */
export const RestartPolicy = z.strictObject({
  policy: z.enum(['no', 'always', 'on-failure', 'unless-stopped']),
  maxRetries: z.int().nonnegative(),
  /** Between an end and the next start, ms; null: growing, as Docker has it. */
  delayMs: z.number().nullable().default(null),
  /** A run as long as this, in ms, counts as a success: retries are counted anew after it; null: they never are. */
  windowMs: z.number().nullable().default(null),
});
export type RestartPolicy = z.infer<typeof RestartPolicy>;

/** A health check. `test` is in canonical form: `['NONE']`, `['CMD', …]` or `['CMD-SHELL', command]`. Times in ms. */
export const Healthcheck = z.strictObject({
  test: z.array(z.string()),
  intervalMs: z.number(),
  timeoutMs: z.number(),
  startPeriodMs: z.number(),
  startIntervalMs: z.number(),
  retries: z.int().positive(),
});
export type Healthcheck = z.infer<typeof Healthcheck>;

/** Another container's, by `volumesFrom`, as it was found when the container was made; left out: what the container asks for itself. */
const Shared = z.literal(true).exactOptional();

/** What is mounted inside a container. `source` of a volume is its full name in `State.volumes`, or null for an anonymous one. */
export const Mount = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('volume'), source: z.string().nullable(), target: z.string(),
    readOnly: z.boolean(), nocopy: z.boolean(), subpath: z.string(), shared: Shared,
  }),
  z.strictObject({
    type: z.literal('bind'), source: z.string(), target: z.string(),
    readOnly: z.boolean(), createHostPath: z.boolean(), propagation: z.string(),
    /** Mounts below the source: taken along, left out, taken along but only the top one read-only, all read-only or an error. */
    recursive: z.enum(['enabled', 'disabled', 'writable', 'readonly']).default('enabled'),
    shared: Shared,
  }),
  /** What an image holds, or a part of that, read-only; `source` is its reference. */
  z.strictObject({ type: z.literal('image'), source: z.string(), target: z.string(), subpath: z.string().default('') }),
  z.strictObject({
    type: z.literal('tmpfs'), target: z.string(),
    /** Bytes; null: the kernel's default. */ size: z.number().nullable(), mode: z.int().nullable(),
    /** Further mount options, as in `tmpfs: /run:noexec,uid=1`. */ options: z.array(z.string()),
  }),
]);
export type Mount = z.infer<typeof Mount>;

/** What follows once a config or secret was replaced in a container that runs: a signal ('': none), then a command in it (empty: none). */
export const OnChange = z.strictObject({ signal: z.string(), exec: z.array(z.string()) });
export type OnChange = z.infer<typeof OnChange>;

/**
 * A config or secret given to a container. Its bytes are the engine's; `name` is the key in `State.contents`, `digest` what stood behind it when
 * the spec was resolved, '' until then.
 */
export const Grant = z.strictObject({
  name: z.string(),
  digest: z.string(),
  target: z.string(),
  uid: z.int().nonnegative(), gid: z.int().nonnegative(), mode: z.int().nonnegative(),
  /** Where another one takes its place while the container runs; null: then the container is made anew. */
  onChange: OnChange.nullable().default(null),
});
export type Grant = z.infer<typeof Grant>;

/** A port of the container published on the host. `published` null: the engine picks one. `hostIp` '' means all addresses, of both families. */
export const PublishedPort = z.strictObject({
  hostIp: z.string(),
  published: z.int().min(1).max(65535).nullable(),
  /** The last port of a range that begins with `published`, of which each container takes one that is free; null: that one alone. */
  publishedLast: z.int().min(1).max(65535).nullable().default(null),
  target: z.int().min(1).max(65535),
  protocol: z.enum(['tcp', 'udp', 'sctp']),
  /** Networks (CIDR) that may come in; empty: everybody. The host itself always may. */
  allow: z.array(z.string()).default([]),
});
export type PublishedPort = z.infer<typeof PublishedPort>;

/** How a container is attached to one network. The key in `ContainerSpec.networks` is the network's full name. */
export const Attachment = z.strictObject({
  aliases: z.array(z.string()),
  ipv4Address: z.string().nullable(),
  ipv6Address: z.string().nullable().default(null),
  /** Further addresses of the link, as 169.254.7.7 or fe80::7. */
  linkLocalIps: z.array(z.string()).default([]),
  /** '': made from the address. */
  macAddress: z.string().default(''),
  /** Its link's name in the container; '': eth0, eth1 … in the order of connecting. */
  interfaceName: z.string().default(''),
  /** Order of connecting, highest first. */
  priority: z.int(),
  /** The highest one gives the default route; of several the first one connected. */
  gatewayPriority: z.int().default(0),
  /** Docker's options of an endpoint, as `com.docker.network.endpoint.sysctls`. */
  driverOpts: z.record(z.string(), z.string()).default({}),
});
export type Attachment = z.infer<typeof Attachment>;

/** How a container resolves names that are none of its networks'. `servers` and `options` empty, `search` null: as the host does. */
export const DnsOptions = z.strictObject({
  /** Addresses. */ servers: z.array(z.string()),
  search: z.array(z.string()).nullable(),
  /** As in resolv.conf(5). */ options: z.array(z.string()),
});
export type DnsOptions = z.infer<typeof DnsOptions>;

/**
 * Everything a container is created from, canonical and whole: no field is optional, so that two specs are compared
 * field by field and the one that differs can be named. Null means "as the image says".
 */
export const ContainerSpec = z.strictObject({
  image: z.string(),
  /** Config digest of the image that `image` stood for when the spec was resolved; '' until then. */
  imageId: z.string(),
  entrypoint: z.array(z.string()).nullable(),
  command: z.array(z.string()).nullable(),
  /** Null: without this one, though the image may have it. */
  environment: z.record(z.string(), z.string().nullable()),
  /** `user[:group]`, names or numbers; '' as the image says. */
  user: z.string(),
  groupAdd: z.array(z.string()),
  /** '' as the image says. */
  workingDir: z.string(),
  /** '' means the container's short id. */
  hostname: z.string(),
  domainname: z.string(),
  labels: z.record(z.string(), z.string()),
  stopSignal: z.string().nullable(),
  stopGracePeriodMs: z.number(),
  restart: RestartPolicy,
  healthcheck: Healthcheck.nullable(),
  capAdd: z.array(z.string()),
  capDrop: z.array(z.string()),
  readOnly: z.boolean(),
  init: z.boolean(),
  tty: z.boolean(),
  stdinOpen: z.boolean(),
  /** Its input ends with the first connection that ends it. */
  stdinOnce: z.boolean().default(false),
  /** Removed once it has ended, with its anonymous volumes. */
  autoRemove: z.boolean().default(false),
  resources: Resources,
  /** Added to what the kernel thinks of it when memory runs out, -1000 to 1000. */
  oomScoreAdj: z.int().default(0),
  /** By name, as `nofile`. */
  ulimits: z.record(z.string(), Ulimit).default({}),
  /** By name, as `net.core.somaxconn`. */
  sysctls: z.record(z.string(), z.string()).default({}),
  /** Bytes of /dev/shm; null: 64 MiB. */
  shmSize: z.number().nullable().default(null),
  /** Rules as `c 1:3 mr`, beside the devices that every container may use. */
  deviceCgroupRules: z.array(z.string()).default([]),
  devices: z.array(Device).default([]),
  /** Devices of CDI, by name or by what they can do. */
  deviceRequests: z.array(DeviceRequest).default([]),
  /** All capabilities and devices, nothing hidden, no seccomp filter. */
  privileged: z.boolean().default(false),
  security: Security.default(DEFAULT_SECURITY),
  namespaces: Namespaces.default(OWN_NAMESPACES),
  clockOffsets: ClockOffsets.default(HOST_CLOCKS),
  /** Absolute path of the cgroup that its own is made in; '': the engine's. */
  cgroupParent: z.string().default(''),
  annotations: z.record(z.string(), z.string()).default({}),
  /** Name of the OCI runtime that runs it; '': the engine's default. */
  runtime: z.string().default(''),
  logging: Logging.default(DEFAULT_LOGGING),
  /** Run in order, each in a container of its own, before it starts; the planner sees to them. */
  preStart: z.array(PreStart).default([]),
  /** Run in order once it has started, and before it is stopped. */
  postStart: z.array(Hook).default([]),
  preStop: z.array(Hook).default([]),
  mounts: z.array(Mount),
  /** Containers whose mounts it has too, by name, at the places where those have them; what it asks for itself comes first. */
  volumesFrom: z.array(z.strictObject({ container: z.string(), readOnly: z.boolean() })).default([]),
  contents: z.array(Grant).default([]),
  /** 'bridge' (the networks below), 'none', 'host', 'container:NAME', the namespace of another container, or 'ns:PATH', one that a file pins. */
  networkMode: z.string().regex(/^(bridge|none|host|container:.+|ns:\/.+)$/),
  networks: z.record(z.string(), Attachment),
  extraHosts: z.array(z.string()),
  dns: DnsOptions.default({ servers: [], search: null, options: [] }),
  /** Names by which this container alone finds others: alias → name on its networks. */
  links: z.record(z.string(), z.string()).default({}),
  ports: z.array(PublishedPort),
  /** Ports that it is said to listen at beside the image's, as `80/tcp`. */
  exposed: z.array(z.string()).default([]),
});
export type ContainerSpec = z.infer<typeof ContainerSpec>;

/** What of a container's spec can change while it runs; whatever is not given stays. */
export const ContainerChanges = z.strictObject({
  resources: ContainerSpec.shape.resources.exactOptional(), restart: RestartPolicy.exactOptional(), labels: ContainerSpec.shape.labels.exactOptional(),
  stopSignal: ContainerSpec.shape.stopSignal.exactOptional(), stopGracePeriodMs: ContainerSpec.shape.stopGracePeriodMs.exactOptional(),
  healthcheck: ContainerSpec.shape.healthcheck.exactOptional(), ports: ContainerSpec.shape.ports.exactOptional(), contents: z.array(Grant).exactOptional(),
  exposed: ContainerSpec.shape.exposed.exactOptional(),
});
export type ContainerChanges = z.infer<typeof ContainerChanges>;

/** Who a container belongs to: a stack's service, a stack's one-off run, a hook that runs before a service, or the API alone. */
export const Owner = z.enum(['stack', 'oneoff', 'hook', 'api']);
export type Owner = z.infer<typeof Owner>;

/**
 * The identity of a container: (stack, service, slot, generation). `stack` and `service` are '' for owner `api`.
 * The name `project-service-N` passes to the new generation when the old one leaves.
 */
export const Identity = z.strictObject({
  owner: Owner,
  stack: z.string(),
  service: z.string(),
  slot: z.int().nonnegative(),
  generation: z.int().positive(),
});
export type Identity = z.infer<typeof Identity>;

/**
 * created → running → exited, and back to running by a start. `lost`: the shim died without recording an exit.
 * `removing`: a removal was begun and has to be finished.
 */
export const Phase = z.enum(['created', 'running', 'exited', 'removing', 'lost']);
export type Phase = z.infer<typeof Phase>;

export const Health = z.enum(['none', 'starting', 'healthy', 'unhealthy']);
export type Health = z.infer<typeof Health>;

/** One look of a health check. Times in ms since the epoch; `exitCode` -1: it did not end in its time, or could not be run. */
export const HealthLook = z.strictObject({ start: z.number(), end: z.number(), exitCode: z.int(), output: z.string() });
export type HealthLook = z.infer<typeof HealthLook>;

/** What is so, as the records and the kernel show it. Times are ms since the epoch, 0 for never. */
export const ContainerStatus = z.strictObject({
  /** 64 hex digits. */
  id: z.string(),
  phase: Phase,
  pid: z.int().nonnegative(),
  exitCode: z.int(),
  oomKilled: z.boolean(),
  /** Bytes of its last run's output that could not be kept; absent where none were lost. */
  outputLost: z.number().optional(),
  /** Why the last start failed; '' when it did not. */
  error: z.string(),
  createdAt: z.number(),
  startedAt: z.number(),
  finishedAt: z.number(),
  health: Health,
  /** The last lines the health check wrote. */
  healthOutput: z.string(),
  /** Its last five looks, oldest first, and how many have failed in a row. */
  healthLog: z.array(HealthLook).optional(),
  failingStreak: z.int().nonnegative().optional(),
  restarts: z.int().nonnegative(),
  /** When the restart policy will start it again; 0: it will not. */
  restartAt: z.number(),
  /** A person stopped it: it stays so until up, start or restart. */
  held: z.boolean(),
  /** Its processes are frozen; the phase is still `running`. */
  paused: z.boolean().default(false),
  /** Network's full name → IPv4 address without prefix length. */
  addresses: z.record(z.string(), z.string()),
  /** Target → full name of the volume that serves an anonymous one there. */
  anonymousVolumes: z.record(z.string(), z.string()),
  /** The same, IPv6; networks that have it. */
  ipv6Addresses: z.record(z.string(), z.string()).default({}),
  /** Networks, by full name, that somebody connected it to beside those it was made with, oldest first. */
  joined: z.array(z.string()).default([]),
  /** Name of the OCI runtime that it was made for. */
  runtime: z.string().default('bayplan'),
  /** Storage driver that keeps its root. */
  storage: z.string().default('overlay'),
  /** AppArmor profile that its last start was confined by, "unconfined" for none; absent where the kernel has no AppArmor. */
  apparmor: z.string().optional(),
  /** What is published at this moment, with the host ports that were picked. */
  ports: z.array(PublishedPort),
  /** What is not as it was made, when it was last looked at; absent where all is. */
  drift: z.array(Drift).optional(),
});
export type ContainerStatus = z.infer<typeof ContainerStatus>;

/** A container, desired (`status` null) or actual. */
export const Container = z.strictObject({
  identity: Identity,
  spec: ContainerSpec,
  status: ContainerStatus.nullable(),
});
export type Container = z.infer<typeof Container>;
