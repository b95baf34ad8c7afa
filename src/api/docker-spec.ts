import { normalize } from 'node:path/posix';
import { BayplanError } from '../state/bayplan-error.ts';
import { ContainerSpec, PublishedPort, type Healthcheck } from '../state/container.ts';
import type { ImageConfig } from '../state/image.ts';
import type { DockerConfig, HostConfig } from './docker-config.ts';
import { confinementOf } from './docker-confinement.ts';
import { mountsOf } from './docker-mounts.ts';
import { resourcesOf } from './docker-resources.ts';
import { refusal } from './request-body.ts';

/** Docker's default of the time that a container has to stop. */
export const STOP_MS = 10_000;

/**
 * A container as the Docker Engine API asks for it. `networks`: those it is to be on, by full name. `image`: what its image says, null where that is not known.
 * Throws `not-built` for what would be unsafe to leave out.
 */
export function specOf(config: DockerConfig, networks: ContainerSpec['networks'], image: ImageConfig | null): ContainerSpec {
  const host = config.HostConfig ?? {};
  refuseUnbuilt(host);
  const folder = config.WorkingDir ?? '';
  if (folder !== '' && !folder.startsWith('/')) throw new BayplanError('bad-request', `the working directory '${folder}' is invalid, it needs to be an absolute path`);
  const restart = host.RestartPolicy?.Name || 'no';
  if (host.AutoRemove === true && restart !== 'no') throw new BayplanError('bad-request', `HostConfig: AutoRemove and the restart policy "${restart}" exclude each other`);
  const parsed = ContainerSpec.safeParse({
    image: config.Image, imageId: '', entrypoint: entrypointOf(config), command: config.Cmd?.length ? config.Cmd : null, environment: environmentOf(config.Env ?? []),
    user: config.User ?? '', groupAdd: host.GroupAdd ?? [], workingDir: folder === '' ? '' : normalize(folder).replace(/(.)\/$/, '$1'), hostname: config.Hostname ?? '', domainname: config.Domainname ?? '',
    labels: config.Labels ?? {}, stopSignal: config.StopSignal || null, stopGracePeriodMs: config.StopTimeout === null || config.StopTimeout === undefined ? STOP_MS : config.StopTimeout * 1000,
    restart: { policy: restart, maxRetries: restart === 'on-failure' ? host.RestartPolicy?.MaximumRetryCount ?? 0 : 0 }, healthcheck: healthcheckOf(config, image?.healthcheck ?? null),
    capAdd: host.CapAdd ?? [], capDrop: host.CapDrop ?? [], readOnly: host.ReadonlyRootfs ?? false, init: host.Init ?? false,
    tty: config.Tty ?? false, stdinOpen: config.OpenStdin ?? false, stdinOnce: config.StdinOnce ?? false, autoRemove: host.AutoRemove ?? false,
    resources: resourcesOf(host), oomScoreAdj: host.OomScoreAdj ?? 0, shmSize: host.ShmSize || null, sysctls: host.Sysctls ?? {}, deviceCgroupRules: host.DeviceCgroupRules ?? [],
    links: linksOf(config), ...confinementOf(host), logging: { driver: host.LogConfig?.Type ?? '', options: host.LogConfig?.Config ?? {} },
    ulimits: Object.fromEntries((host.Ulimits ?? []).map(({ Name, Soft, Hard }) => [Name, { soft: Soft, hard: Hard }])),
    mounts: mountsOf(config), networkMode: config.NetworkDisabled === true ? 'none' : modeOf(host.NetworkMode ?? ''), networks, extraHosts: host.ExtraHosts ?? [],
    dns: { servers: host.Dns ?? [], search: host.DnsSearch?.length ? host.DnsSearch : null, options: host.DnsOptions ?? [] },
    ports: portsOf(config, host, image), exposed: Object.keys(config.ExposedPorts ?? {}).filter((key) => host.PortBindings?.[key] === undefined).map(exposedOf),
  } satisfies Record<string, unknown>);
  if (!parsed.success) throw refusal(parsed.error);
  return parsed.data;
}

function modeOf(mode: string): string {
  return mode === 'none' || mode === 'host' || /^(container:|ns:\/)/.test(mode) ? mode : 'bridge';
}

function refuseUnbuilt({ StorageOpt }: HostConfig): void {
  if (Object.keys(StorageOpt ?? {}).length > 0) throw new BayplanError('not-built', 'HostConfig.StorageOpt is not built yet, and the container would be another one without it: leave it out');
}

/** `NAME[:ALIAS]`: of the default network, and of others, which name them with how the container is there. A name leads to its container on whichever network both are. */
function linksOf({ HostConfig, NetworkingConfig }: DockerConfig): Record<string, string> {
  const links = [...(HostConfig?.Links ?? []), ...Object.values(NetworkingConfig?.EndpointsConfig ?? {}).flatMap((endpoint) => endpoint?.Links ?? [])];
  return Object.fromEntries(links.map((link) => {
    const [name = '', alias = name] = link.replace(/^\//, '').split(':');
    return [alias.replace(/^.*\//, ''), name];
  }));
}

/** An entrypoint of one empty string takes the image's away. */
function entrypointOf({ Entrypoint }: DockerConfig): string[] | null {
  if (Entrypoint === null || Entrypoint === undefined) return null;
  return Entrypoint.length === 1 && Entrypoint[0] === '' ? [] : [...Entrypoint];
}

/** A name without a value takes the image's away. Throws BayplanError `bad-request`. */
function environmentOf(entries: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(entries.map((entry) => {
    const at = entry.indexOf('=');
    if (at === 0 || entry === '') throw new BayplanError('bad-request', `invalid environment variable: ${entry}`);
    return at < 0 ? [entry, null] : [entry.slice(0, at), entry.slice(at + 1)];
  }));
}

/** Times are in ns; what is 0 or missing is as the image's check has it, or else Docker's default. */
function healthcheckOf({ Healthcheck: check }: DockerConfig, image: Healthcheck | null): Healthcheck | null {
  if (check === null || check === undefined) return null;
  const test = check.Test?.length ? check.Test : image?.test;
  if (test === undefined) return null;
  const ms = (ns: number | null | undefined, otherwise: number): number => (ns ? ns / 1e6 : otherwise);
  return {
    test, intervalMs: ms(check.Interval, image?.intervalMs ?? 30_000), timeoutMs: ms(check.Timeout, image?.timeoutMs ?? 30_000), startPeriodMs: ms(check.StartPeriod, image?.startPeriodMs ?? 0),
    startIntervalMs: ms(check.StartInterval, image?.startIntervalMs ?? 5_000), retries: check.Retries || (image?.retries ?? 3),
  };
}

function portsOf(config: DockerConfig, host: HostConfig, image: ImageConfig | null): readonly PublishedPort[] {
  const bound = Object.entries(host.PortBindings ?? {}).flatMap(([key, bindings]) => (bindings ?? []).map(({ HostIp, HostPort }) => portOf(key, HostIp ?? '', HostPort ?? '')));
  if (host.PublishAllPorts !== true) return bound;
  const exposed = new Set([...(image?.exposedPorts ?? []), ...Object.keys(config.ExposedPorts ?? {})]);
  return [...bound, ...[...exposed].filter((key) => host.PortBindings?.[key] === undefined).map((key) => portOf(key, '', ''))];
}

function exposedOf(key: string): string {
  const [, port, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(key) ?? [];
  if (port === undefined) throw new BayplanError('bad-request', `ExposedPorts: "${key}": expected PORT/PROTOCOL`);
  return `${port}/${protocol}`;
}

/** `80/tcp` of the container, on the host's address and port, or on the first free one of `8000-8010`; '' leaves them open. */
function portOf(key: string, hostIp: string, hostPort: string): PublishedPort {
  const [, target, protocol = 'tcp'] = /^(\d+)(?:\/(tcp|udp|sctp))?$/.exec(key) ?? [];
  const [, first, last = null] = /^(\d*)(?:-(\d+))?$/.exec(hostPort) ?? [];
  if (target === undefined || first === undefined || (last !== null && Number(last) < Number(first))) throw new BayplanError('bad-request', `invalid port specification: "${target === undefined ? key : hostPort}": HostConfig.PortBindings: "${key}" on "${hostPort}": expected PORT/PROTOCOL on one host port, or on a range as 8000-8010`);
  return PublishedPort.parse({
    hostIp: hostIp === '0.0.0.0' ? '' : hostIp, published: first === '' || first === '0' ? null : Number(first), publishedLast: last === null || last === first ? null : Number(last), target: Number(target), protocol,
  });
}
