import { hostname } from 'node:os';
import { containerArguments } from '../state/container-arguments.ts';
import type { Attachment, Container, ContainerStatus } from '../state/container.ts';
import type { ImageStatus } from '../state/image.ts';
import { DEFAULT_NETWORK, type Network } from '../state/network.ts';
import { humanDuration } from '../state/human-duration.ts';
import { rfc3339 } from './docker-time.ts';
import { exposedPorts, portBindings, portMap, summaryPorts } from './container-ports.ts';
import { confinementJson } from './docker-confinement.ts';
import { resourcesJson } from './docker-resources.ts';
import { endpointJson, NO_ENDPOINT, type EndpointJson } from './endpoint-json.ts';
import type { EngineView } from './engine-view.ts';
import { STOP_MS } from './docker-spec.ts';
import { isPlain, mountsAsked } from './mounts-asked.ts';
import { MODES } from './predefined-networks.ts';

/** Bytes. */
const DEFAULT_SHM = 64 * 1024 * 1024;

/** A container that exists: one with a status. */
export interface ActualContainer {
  readonly name: string;
  readonly container: Container;
  readonly status: ContainerStatus;
  readonly image: ImageStatus | null;
  readonly networks: ReadonlyMap<string, Network>;
}

export function actual(engine: EngineView, name: string, container: Container): ActualContainer | null {
  if (container.status === null) return null;
  const { imageId, image } = container.spec;
  return {
    name, container, status: container.status, networks: engine.networks.list(),
    image: (imageId === '' ? null : engine.images.find(imageId)) ?? engine.images.find(image),
  };
}

/** Its own, and those of its image that it has none of its own for. */
export function labelsOf({ container: { spec }, image }: Pick<ActualContainer, 'container' | 'image'>): Readonly<Record<string, string>> {
  return image === null || Object.keys(image.config.labels).length === 0 ? spec.labels : { ...image.config.labels, ...spec.labels };
}

/** Docker's word for a phase. */
export function stateWord(status: ContainerStatus): 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead' {
  if (status.phase === 'running' && status.paused) return 'paused';
  if (status.phase === 'exited' && status.restartAt > 0) return 'restarting';
  if (status.phase === 'created' && status.startedAt > 0 && status.restarts > 0) return 'restarting'; // its start is under way
  return status.phase === 'lost' ? 'dead' : status.phase;
}

/** As in `docker ps`: `Up 3 minutes (healthy)`, `Exited (0) 5 seconds ago`. */
export function statusLine(status: ContainerStatus, now: number): string {
  const since = (at: number): string => humanDuration(now - at);
  switch (stateWord(status)) {
    case 'running': {
      const health = { none: '', starting: ' (health: starting)', healthy: ' (healthy)', unhealthy: ' (unhealthy)' }[status.health];
      return `Up ${since(status.startedAt)}${health}`;
    }
    case 'paused': return `Up ${since(status.startedAt)} (Paused)`;
    case 'restarting': return `Restarting (${status.exitCode}) ${since(status.finishedAt)} ago`;
    case 'exited': return `Exited (${status.exitCode}) ${since(status.finishedAt)} ago`;
    case 'created': return 'Created';
    case 'removing': return 'Removal In Progress';
    case 'dead': return 'Dead';
  }
}

/** One element of `GET /containers/json`, and below `Bayplan` who it belongs to. */
export function summary(actualContainer: ActualContainer, now: number, replaced: readonly { readonly source: string; readonly target: string }[] = []): object {
  const { name, container, status, image } = actualContainer;
  const { identity, spec } = container;
  return {
    Id: status.id, Names: [`/${name}`], Image: spec.image, ImageID: image?.id ?? spec.imageId, Command: argv(actualContainer).map((arg) => (arg.includes(' ') ? `'${arg}'` : arg)).join(' '),
    Created: Math.floor(status.createdAt / 1000), Ports: summaryPorts(actualContainer), Labels: labelsOf(actualContainer),
    State: stateWord(status), Status: statusLine(status, now), HostConfig: { NetworkMode: networkMode(container), ...(Object.keys(spec.annotations).length === 0 ? {} : { Annotations: spec.annotations }) },
    NetworkSettings: { Networks: endpoints(actualContainer) }, Mounts: mounts(container),
    Bayplan: { owner: identity.owner, stack: identity.stack, service: identity.service, slot: identity.slot, generation: identity.generation, exitCode: status.exitCode, health: status.health, held: status.held, ...(replaced.length === 0 ? {} : { replaced }) },
  };
}

/** Answer of `GET /containers/{id}/json`. `execs`: ids of the commands that run in it beside its own. */
export function inspect(actualContainer: ActualContainer, mountpoint: (volume: string) => string, execs: readonly string[]): object {
  const { name, container, status, image } = actualContainer;
  const { spec } = container;
  const [path = '', ...args] = argv(actualContainer);
  const state = stateWord(status);
  const asked = mountsAsked(spec.mounts);
  const healthcheck = spec.healthcheck ?? image?.config.healthcheck ?? null;
  return {
    Id: status.id, Created: rfc3339(status.createdAt), Path: path, Args: args, Name: `/${name}`, Image: image?.id ?? spec.imageId,
    State: {
      Status: state, Running: status.phase === 'running', Paused: status.paused, Restarting: state === 'restarting', OOMKilled: status.oomKilled, ...(status.outputLost === undefined ? {} : { OutputLost: status.outputLost }), Dead: state === 'dead',
      Pid: status.pid, ExitCode: status.exitCode, Error: status.error, StartedAt: rfc3339(status.startedAt), FinishedAt: rfc3339(status.finishedAt),
      ...(status.health === 'none' ? {} : { Health: { Status: status.health, FailingStreak: status.failingStreak ?? 0, Log: healthLog(status) } }),
    },
    RestartCount: status.restarts, Driver: status.storage, Platform: 'linux', MountLabel: '', ProcessLabel: '', AppArmorProfile: status.apparmor ?? '', ExecIDs: orNull(execs),
    ResolvConfPath: '', HostnamePath: '', HostsPath: '', LogPath: '', GraphDriver: { Name: status.storage, Data: null },
    HostConfig: {
      NetworkMode: networkMode(container), RestartPolicy: { Name: spec.restart.policy, MaximumRetryCount: spec.restart.maxRetries }, AutoRemove: spec.autoRemove,
      CapAdd: orNull(spec.capAdd), CapDrop: orNull(spec.capDrop), GroupAdd: orNull(spec.groupAdd), ExtraHosts: orNull(spec.extraHosts), Dns: spec.dns.servers, DnsSearch: spec.dns.search ?? [], DnsOptions: spec.dns.options, ReadonlyRootfs: spec.readOnly, Init: spec.init,
      ...resourcesJson(spec.resources), OomScoreAdj: spec.oomScoreAdj, ShmSize: spec.shmSize ?? DEFAULT_SHM, Sysctls: spec.sysctls, DeviceCgroupRules: orNull(spec.deviceCgroupRules),
      Ulimits: Object.entries(spec.ulimits).map(([Name, { soft, hard }]) => ({ Name, Soft: soft, Hard: hard })),
      PortBindings: portBindings(spec.ports), ...asked.HostConfig, VolumesFrom: null, Links: orNull(Object.entries(spec.links).map(([alias, linked]) => `/${linked}:/${name}/${alias}`)), ...UNUSED,
      LogConfig: { Type: spec.logging.driver === '' ? 'json-file' : spec.logging.driver, Config: spec.logging.options }, Runtime: status.runtime, ...confinementJson(spec),
    },
    Mounts: mounts(container, mountpoint),
    Config: {
      Hostname: spec.hostname !== '' ? spec.hostname : spec.networkMode === 'host' ? hostname() : status.id.slice(0, 12), Domainname: spec.domainname, User: spec.user === '' ? (image?.config.user ?? '') : spec.user,
      AttachStdin: spec.stdinOnce, AttachStdout: spec.stdinOnce, AttachStderr: spec.stdinOnce, Tty: spec.tty, OpenStdin: spec.stdinOpen, StdinOnce: spec.stdinOnce,
      Env: environment(spec.environment, image), Cmd: spec.command ?? (spec.entrypoint === null ? (image?.config.command ?? null) : null), Entrypoint: spec.entrypoint ?? orNull(image?.config.entrypoint ?? []),
      Image: spec.image, WorkingDir: spec.workingDir === '' ? (image?.config.workingDir ?? '') : spec.workingDir, Labels: labelsOf(actualContainer),
      Volumes: setOrNull([...(image?.config.volumes ?? []), ...asked.Volumes]),
      ExposedPorts: Object.fromEntries(exposedPorts(container, image).map((port) => [port, {}])),
      ...(spec.stopSignal === null ? {} : { StopSignal: spec.stopSignal }), ...(spec.stopGracePeriodMs === STOP_MS ? {} : { StopTimeout: Math.round(spec.stopGracePeriodMs / 1000) }),
      ...(healthcheck === null ? {} : { Healthcheck: { Test: healthcheck.test, Interval: healthcheck.intervalMs * 1e6, Timeout: healthcheck.timeoutMs * 1e6, StartPeriod: healthcheck.startPeriodMs * 1e6, StartInterval: healthcheck.startIntervalMs * 1e6, Retries: healthcheck.retries } }),
    },
    NetworkSettings: { Bridge: '', ...(status.phase === 'running' && spec.networkMode === 'bridge' ? { SandboxID: status.id, SandboxKey: `/proc/${status.pid}/ns/net` } : { SandboxID: '', SandboxKey: '' }), HairpinMode: false, LinkLocalIPv6Address: '', LinkLocalIPv6PrefixLen: 0, ...defaultEndpoint(actualContainer), Ports: portMap(actualContainer), Networks: endpoints(actualContainer) },
  };
}

/** What Docker's words have a place for, and nothing here stands behind. */
const UNUSED = { ContainerIDFile: '', VolumeDriver: '', ConsoleSize: [0, 0], Cgroup: '', PublishAllPorts: false, Isolation: '', CpuCount: 0, CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0 };

/** What old clients read beside the networks: how it is on the default one. */
function defaultEndpoint({ container: { spec }, status, networks }: ActualContainer): EndpointJson {
  const network = Object.hasOwn(spec.networks, DEFAULT_NETWORK) ? networks.get(DEFAULT_NETWORK) : undefined;
  return network === undefined ? NO_ENDPOINT : endpointJson(DEFAULT_NETWORK, network, spec.networks[DEFAULT_NETWORK], status);
}

/** What the container's first process is. */
function argv({ container: { spec }, image }: Pick<ActualContainer, 'container' | 'image'>): readonly string[] {
  return containerArguments(spec, image?.config ?? null);
}

/** As Docker has it: its own first, and names alone of what it takes away from the image's. */
function environment(own: Readonly<Record<string, string | null>>, image: ImageStatus | null): readonly string[] {
  const fromImage = (image?.config.environment ?? []).filter((entry) => !Object.hasOwn(own, entry.split('=', 1)[0] ?? ''));
  return [...Object.entries(own).map(([key, value]) => (value === null ? key : `${key}=${value}`)), ...fromImage];
}

function networkMode({ spec }: Container): string {
  return spec.networkMode === 'bridge' ? (Object.keys(spec.networks)[0] ?? 'none') : spec.networkMode;
}

function endpoints(actualContainer: ActualContainer): object {
  const { container: { spec, identity }, status, networks } = actualContainer;
  // docker compose asks for a container's own name as its first alias.
  const own = identity.owner === 'stack' ? [actualContainer.name] : [];
  if (MODES[spec.networkMode] !== undefined) return { [spec.networkMode]: { IPAMConfig: null, Links: null, Aliases: null, DriverOpts: null, GwPriority: 0, NetworkID: '', ...NO_ENDPOINT, DNSNames: null } };
  return Object.fromEntries(Object.entries(spec.networks).map(([name, attachment]) => {
    const network = networks.get(name);
    const shortId = status.id.slice(0, 12);
    return [name, {
      IPAMConfig: ipamConfig(attachment), Links: orNull(Object.entries(spec.links).map(([alias, linked]) => `${linked}:${alias}`)), Aliases: orNull([...new Set([...own, ...attachment.aliases])]),
      DriverOpts: Object.keys(attachment.driverOpts).length === 0 ? null : attachment.driverOpts, GwPriority: attachment.gatewayPriority, NetworkID: network?.status?.id ?? '',
      ...(network === undefined ? {} : endpointJson(name, network, attachment, status)), DNSNames: [...new Set([actualContainer.name, ...attachment.aliases, shortId, ...(spec.hostname === '' ? [] : [spec.hostname])])],
    }];
  }));
}

/** Null where nothing was asked for. */
function ipamConfig({ ipv4Address, ipv6Address, linkLocalIps }: Attachment): object | null {
  if (ipv4Address === null && ipv6Address === null && linkLocalIps.length === 0) return null;
  return {
    ...(ipv4Address === null ? {} : { IPv4Address: ipv4Address }), ...(ipv6Address === null ? {} : { IPv6Address: ipv6Address }),
    ...(linkLocalIps.length === 0 ? {} : { LinkLocalIPs: linkLocalIps }),
  };
}

/** Docker does not list what `--tmpfs` has asked for. */
function mounts({ spec, status }: Container, mountpoint?: (volume: string) => string): readonly object[] {
  return spec.mounts.flatMap((mount) => {
    if (mount.type === 'tmpfs') return isPlain(mount) ? [] : [{ Type: 'tmpfs', Source: '', Destination: mount.target, Mode: '', RW: true, Propagation: '' }];
    if (mount.type === 'image') return { Type: 'image', Source: mount.source, Destination: mount.target, Mode: 'ro', RW: false, Propagation: '' };
    const common = { Destination: mount.target, Mode: mount.readOnly ? 'ro' : mount.type === 'volume' ? 'z' : '', RW: !mount.readOnly };
    if (mount.type === 'bind') return { Type: 'bind', Source: mount.source, ...common, Propagation: mount.propagation === '' ? 'rprivate' : mount.propagation };
    const name = mount.source ?? status?.anonymousVolumes[mount.target] ?? '';
    return { Type: 'volume', Name: name, Source: name === '' || mountpoint === undefined ? '' : mountpoint(name), ...common, Driver: 'local', Propagation: '' };
  });
}

function healthLog({ healthLog: looks = [] }: ContainerStatus): readonly object[] {
  return looks.map(({ start, end, exitCode, output }) => ({ Start: rfc3339(start), End: rfc3339(end), ExitCode: exitCode, Output: output }));
}

function orNull(list: readonly string[]): readonly string[] | null {
  return list.length === 0 ? null : list;
}

function setOrNull(names: readonly string[]): object | null {
  return names.length === 0 ? null : Object.fromEntries(names.map((name) => [name, {}]));
}
