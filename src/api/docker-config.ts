import * as z from 'zod';

const texts = z.array(z.string()).nullish();
/** The older clients' form of a command is one string. */
const command = z.union([z.array(z.string()), z.string().transform((text) => [text])]).nullish();
const map = <V extends z.ZodType>(value: V) => z.record(z.string(), value).nullish();
const number = z.number().nullish();
const text = z.string().nullish();
const flag = z.boolean().nullish();

const HealthConfig = z.object({ Test: texts, Interval: number, Timeout: number, StartPeriod: number, StartInterval: number, Retries: number });

/** How a container is to be on a network: Docker's EndpointSettings. */
export const EndpointConfig = z.object({
  Aliases: texts, IPAMConfig: z.object({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: texts }).nullish(), MacAddress: text, GwPriority: number, DriverOpts: map(z.string()), Links: texts,
});
export type EndpointConfig = z.infer<typeof EndpointConfig>;

export const DockerMount = z.object({
  Type: z.string(), Source: text, Target: z.string().nullish().transform((target) => target ?? ''), ReadOnly: flag,
  BindOptions: z.object({ Propagation: text, CreateMountpoint: flag, NonRecursive: flag, ReadOnlyNonRecursive: flag, ReadOnlyForceRecursive: flag }).nullish(),
  VolumeOptions: z.object({ NoCopy: flag, Labels: map(z.string()), Subpath: text, DriverConfig: z.object({ Name: text, Options: map(z.string()) }).nullish() }).nullish(),
  ImageOptions: z.object({ Subpath: text }).nullish(),
  TmpfsOptions: z.object({ SizeBytes: number, Mode: number, Options: z.array(z.array(z.string())).nullish() }).nullish(),
});
export type DockerMount = z.infer<typeof DockerMount>;

const rates = z.array(z.object({ Path: z.string(), Rate: z.number() })).nullish();

/** What of a HostConfig `POST /containers/{id}/update` takes too. */
const resources = {
  Memory: number, NanoCpus: number, CpuQuota: number, CpuPeriod: number, PidsLimit: number, MemoryReservation: number, MemorySwap: number, MemorySwappiness: number, OomKillDisable: flag,
  CpuShares: number, CpuRealtimePeriod: number, CpuRealtimeRuntime: number, CpusetCpus: text, CpusetMems: text, DeviceCgroupRules: texts,
  BlkioWeight: number, BlkioWeightDevice: z.array(z.object({ Path: z.string(), Weight: z.number() })).nullish(),
  BlkioDeviceReadBps: rates, BlkioDeviceWriteBps: rates, BlkioDeviceReadIOps: rates, BlkioDeviceWriteIOps: rates,
};

const RestartPolicy = z.object({ Name: text, MaximumRetryCount: number }).nullish();
export type UpdatedRestart = z.infer<typeof RestartPolicy>;

const HostConfig = z.object({
  Binds: texts, Mounts: z.array(DockerMount).nullish(), PortBindings: map(z.array(z.object({ HostIp: text, HostPort: text })).nullable()), PublishAllPorts: flag, AutoRemove: flag,
  RestartPolicy, NetworkMode: text,
  ...resources,
  Privileged: flag, PidMode: text, IpcMode: text, UTSMode: text, UsernsMode: text, CgroupnsMode: text, SecurityOpt: texts, MaskedPaths: texts, ReadonlyPaths: texts, CgroupParent: text, Runtime: text, Annotations: map(z.string()),
  Devices: z.array(z.object({ PathOnHost: z.string(), PathInContainer: text, CgroupPermissions: text })).nullish(),
  LogConfig: z.object({ Type: text, Config: map(z.string()) }).nullish(),
  OomScoreAdj: number, ShmSize: number, Sysctls: map(z.string()), Ulimits: z.array(z.object({ Name: z.string(), Soft: z.number(), Hard: z.number() })).nullish(), StorageOpt: map(z.string()),
  CapAdd: texts, CapDrop: texts, GroupAdd: texts, ExtraHosts: texts, Dns: texts, DnsSearch: texts, DnsOptions: texts,
  ReadonlyRootfs: flag, Tmpfs: map(z.string()), Init: flag, ConsoleSize: z.tuple([z.int(), z.int()]).nullish(),
  DeviceRequests: z.array(z.object({ Driver: text, Count: z.int().nullish(), DeviceIDs: texts, Capabilities: z.array(z.array(z.string())).nullish(), Options: map(z.string()) })).nullish(),
  VolumesFrom: texts, Links: texts, Isolation: text, VolumeDriver: text,
});
export type HostConfig = z.infer<typeof HostConfig>;

/** Body of `POST /containers/{id}/update`. */
export const UpdateConfig = z.object({ ...resources, RestartPolicy });

/** Limits alone. */
export type ResourceConfig = z.infer<z.ZodObject<typeof resources>>;

/** Body of `POST /containers/create` of the Docker Engine API, as far as it changes anything for us. */
export const DockerConfig = z.object({
  Image: z.string().nullish().transform((image) => image ?? ''), Cmd: command, Entrypoint: command, Env: texts, Labels: map(z.string()), WorkingDir: text, User: text, Hostname: text, Domainname: text,
  Tty: flag, OpenStdin: flag, StdinOnce: flag, StopSignal: text, StopTimeout: number, Healthcheck: HealthConfig.nullish(), ExposedPorts: map(z.unknown()), Volumes: map(z.unknown()),
  HostConfig: HostConfig.nullish(), NetworkDisabled: flag, /** Of its first network, as older clients say it. */ MacAddress: text,
  NetworkingConfig: z.object({ EndpointsConfig: map(EndpointConfig.nullable()) }).nullish(),
});
export type DockerConfig = z.infer<typeof DockerConfig>;
