import { parseDuration } from '../state/duration.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { ContainerSpec, Healthcheck, Mount, RestartPolicy } from '../state/container.ts';
import { exposedPorts } from '../state/exposed-ports.ts';
import type { Image } from '../state/image.ts';
import type { Service } from '../state/service.ts';
import type { Desired } from '../state/state.ts';
import type { Volume } from '../state/volume.ts';
import { attachmentsOf } from './attachments.ts';
import { cgroupParentOf } from '../state/cgroup-parent.ts';
import { parseByteSize } from './byte-size.ts';
import { careOf, driftPolicyOf } from './care.ts';
import { clockOffsetsOf, deviceRequestsOf, devicesOf, namespaceOwners, namespacesOf, securityOf } from './confinement.ts';
import { contentsOf, grantsOf } from './contents.ts';
import { hooksOf, preStartOf } from './hooks.ts';
import { jobOf } from './job.ts';
import { loggingOf } from './logging.ts';
import { formatMistake } from './mistake.ts';
import { networkModeOf } from './network-mode.ts';
import { networksOf } from './network-spec.ts';
import type { Project } from './project.ts';
import { containersAlone } from './providers.ts';
import { publishedPortsOf } from './publication.ts';
import { replicasOf } from './replicas.ts';
import { positive, resourcesOf, shmSizeOf, ulimitsOf } from './resources.ts';
import type { ServiceConfig } from './service-schema.ts';
import { rollbackOf, updateOf } from './update.ts';
import type { VolumeConfig } from './volume-spec.ts';
import { mountsWithShared, volumesFromOf } from './volumes-from.ts';

/**
 * The desired side of `up`. Networks and volumes that no service uses are left out, as docker compose does, but with `unused`. Throws a BayplanError
 * with one line for each thing that is not built yet and unsafe to ignore.
 */
export function desiredOf(file: Project, options: { readonly removeOrphans: boolean; readonly unused?: boolean }): Desired {
  if (file.refusals.length > 0) throw new BayplanError('stack-file', file.refusals.map(formatMistake).join('\n'));
  const project = containersAlone(file);
  const services = Object.entries(project.services);
  return {
    stack: project.name,
    containers: {},
    contents: contentsOf(project),
    services: Object.fromEntries(services.map(([name, service]) => [name, serviceOf(name, service, project)])),
    networks: networksOf(project, options.unused === true),
    volumes: volumesOf(project, options.unused === true),
    images: imagesOf(project),
    remove: { orphans: options.removeOrphans, volumes: false },
    stopTimeoutSeconds: null,
    inactive: [...project.inactive],
    unstarted: [],
    drift: driftPolicyOf(project),
    notes: [...project.notes],
  };
}

function serviceOf(name: string, service: ServiceConfig, project: Project): Service {
  // A container made anew has another namespace: whoever shares it has to follow, whatever else was said of the dependency.
  const homes = namespaceOwners(service);
  const implied = homes.filter((other) => !Object.hasOwn(service.depends_on ?? {}, other)).map((other) => [other, { condition: 'service_started', required: true, restart: true }] as const);
  const dependsOn = [...Object.entries(service.depends_on ?? {}), ...implied].filter(([other]) => Object.hasOwn(project.services, other))
    .map(([other, { condition, required, restart }]) => [other, { condition, required, restart: homes.includes(other) || (restart ?? false) }] as const);
  return {
    replicas: jobOf(service) === null ? replicasOf(service) : 0,
    containerName: service.container_name ?? '',
    dependsOn: Object.fromEntries(dependsOn),
    update: updateOf(service),
    rollback: rollbackOf(service),
    care: careOf(service, project),
    job: jobOf(service),
    template: templateOf(name, service, project),
  };
}

function templateOf(name: string, service: ServiceConfig, project: Project): ContainerSpec {
  return {
    image: service.image ?? '',
    imageId: '',
    entrypoint: service.entrypoint === undefined || service.entrypoint === null ? null : [...service.entrypoint],
    command: service.command === undefined || service.command === null ? null : [...service.command],
    // A variable without a value is absent in the container.
    environment: service.environment ?? {}, exposed: [...new Set((service.expose ?? []).flatMap((port) => exposedPorts(port) ?? []))],
    user: service.user ?? '',
    groupAdd: [...(service.group_add ?? [])],
    workingDir: service.working_dir ?? '',
    hostname: service.hostname ?? '',
    domainname: service.domainname ?? '',
    labels: { ...service.labels, ...composeLabels(name, service, project) },
    stopSignal: service.stop_signal === undefined || service.stop_signal === '' ? null : service.stop_signal,
    stopGracePeriodMs: milliseconds(service.stop_grace_period, 10_000),
    restart: restartOf(service),
    healthcheck: healthcheckOf(service),
    capAdd: [...(service.cap_add ?? [])],
    capDrop: [...(service.cap_drop ?? [])],
    readOnly: service.read_only ?? false,
    init: service.init ?? false,
    tty: service.tty ?? false,
    stdinOpen: service.stdin_open ?? false,
    stdinOnce: false,
    autoRemove: false,
    resources: resourcesOf(service),
    oomScoreAdj: service.oom_score_adj ?? 0,
    ulimits: ulimitsOf(service),
    sysctls: { ...service.sysctls },
    shmSize: shmSizeOf(service),
    deviceCgroupRules: [...(service.device_cgroup_rules ?? [])],
    devices: devicesOf(service),
    deviceRequests: deviceRequestsOf(service).map(({ request }) => request),
    privileged: service.privileged ?? false,
    security: securityOf(service, project.workingDir, project.seccompProfiles).security,
    namespaces: namespacesOf(service, project),
    clockOffsets: clockOffsetsOf(service),
    cgroupParent: cgroupParentOf(service.cgroup_parent ?? ''),
    annotations: { ...service.annotations },
    runtime: service.runtime ?? '',
    logging: loggingOf(service),
    preStart: preStartOf(service),
    postStart: hooksOf(service.post_start),
    preStop: hooksOf(service.pre_stop),
    mounts: [...mountsWithShared(service, project.services).map((volume) => mountOf(volume, project)), ...(service.tmpfs ?? []).map(tmpfsOf)],
    volumesFrom: volumesFromOf(service, project),
    contents: grantsOf(service, project),
    networkMode: networkModeOf(service, project),
    networks: attachmentsOf(name, service, project),
    extraHosts: [...(service.extra_hosts ?? [])],
    dns: { servers: [...(service.dns ?? [])], search: service.dns_search === undefined ? null : [...service.dns_search], options: [...(service.dns_opt ?? [])] },
    links: linksOf(service),
    ports: publishedPortsOf(service, project),
  };
}

/** `links` name services, `external_links` containers of others, both `NAME[:ALIAS]`. */
function linksOf(service: ServiceConfig): ContainerSpec['links'] {
  return Object.fromEntries([...(service.links ?? []), ...(service.external_links ?? [])].map((link) => {
    const [name = '', alias = name] = link.split(':');
    return [alias, name];
  }));
}

/** The labels by which other programs group containers, as docker compose writes them; those of one container alone come later. */
function composeLabels(name: string, service: ServiceConfig, project: Project): Record<string, string> {
  const dependencies = Object.entries(service.depends_on ?? {}).filter(([other]) => Object.hasOwn(project.services, other)).map(([other, { condition, restart }]) => `${other}:${condition}:${String(restart ?? false)}`);
  return {
    'com.docker.compose.project': project.name,
    'com.docker.compose.service': name,
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.project.working_dir': project.workingDir,
    'com.docker.compose.project.config_files': project.files.join(','),
    'com.docker.compose.depends_on': dependencies.join(','),
    ...(project.envFiles.length > 0 ? { 'com.docker.compose.project.environment_file': project.envFiles.join(',') } : {}),
  };
}

function volumesOf(project: Project, unused: boolean): Record<string, Volume> {
  const used = Object.values(project.services).flatMap((service) => (service.volumes ?? []).flatMap((volume) => volume.type === 'volume' && volume.source !== undefined ? [volume.source] : []));
  const keys = new Set([...used, ...(unused ? Object.keys(project.volumes) : [])]);
  return Object.fromEntries([...keys].map((key) => {
    const volume = project.volumes[key];
    const spec = {
      driver: 'local' as const,
      external: volume?.external ?? false,
      driverOpts: { ...volume?.driver_opts },
      labels: { ...volume?.labels, 'com.docker.compose.project': project.name, 'com.docker.compose.volume': key },
    };
    return [volume?.name ?? `${project.name}_${key}`, { stack: project.name, spec, status: null }];
  }));
}

function mountOf(volume: VolumeConfig, project: Project): Mount {
  const target = volume.target ?? '';
  const readOnly = volume.read_only ?? false;
  if (volume.type === 'bind') {
    return { type: 'bind', source: volume.source ?? '', target, readOnly, createHostPath: volume.bind?.create_host_path ?? true, propagation: volume.bind?.propagation ?? '', recursive: volume.bind?.recursive ?? 'enabled' };
  }
  if (volume.type === 'image') return { type: 'image', source: volume.source ?? '', target, subpath: volume.image?.subpath ?? '' };
  if (volume.type === 'tmpfs') {
    const { size, mode } = volume.tmpfs ?? {};
    return { type: 'tmpfs', target, size: positive(parseByteSize(size ?? '0')), mode: mode ?? null, options: readOnly ? ['ro'] : [] };
  }
  const source = volume.source === undefined ? null : project.volumes[volume.source]?.name ?? `${project.name}_${volume.source}`;
  return { type: 'volume', source, target, readOnly, nocopy: volume.volume?.nocopy ?? false, subpath: volume.volume?.subpath ?? '' };
}

/** `tmpfs: /run:noexec,size=64m,mode=1770`. */
function tmpfsOf(text: string): Mount {
  const colon = text.indexOf(':');
  let size: number | null = null;
  let mode: number | null = null;
  const options: string[] = [];
  for (const option of colon < 0 ? [] : text.slice(colon + 1).split(',')) {
    const bytes = option.startsWith('size=') ? parseByteSize(option.slice(5)) : null;
    if (bytes !== null) size = bytes;
    else if (/^mode=[0-7]+$/.test(option)) mode = Number.parseInt(option.slice(5), 8);
    else if (option !== '') options.push(option);
  }
  return { type: 'tmpfs', target: colon < 0 ? text : text.slice(0, colon), size, mode, options };
}

const UNTIMED = { delayMs: null, windowMs: null };

/** `deploy.restart_policy` counts before `restart`, as in docker compose. */
function restartOf(service: ServiceConfig): RestartPolicy {
  const policy = service.deploy?.restart_policy;
  if (policy !== undefined) {
    const { condition = 'any' } = policy;
    const name = condition === 'none' || condition === 'no' ? 'no' : condition === 'on-failure' || condition === 'unless-stopped' ? condition : 'always';
    const times = { delayMs: policy.delay === undefined ? null : milliseconds(policy.delay, 0), windowMs: policy.window === undefined ? null : milliseconds(policy.window, 0) };
    return { policy: name, maxRetries: name === 'on-failure' ? policy.max_attempts ?? 0 : 0, ...times };
  }
  const [name, retries] = (service.restart ?? 'no').split(':');
  if (name === 'always' || name === 'unless-stopped') return { policy: name, maxRetries: 0, ...UNTIMED };
  return name === 'on-failure' ? { policy: name, maxRetries: Number(retries ?? 0), ...UNTIMED } : { policy: 'no', maxRetries: 0, ...UNTIMED };
}

/**
 * Null: as the image says. A healthcheck that only changes times keeps `test` empty: the image's own command.
 * Defaults are Docker's: 30s, 30s, 0s, 5s, 3.
 */
function healthcheckOf(service: ServiceConfig): Healthcheck | null {
  const check = service.healthcheck;
  if (check === undefined) return null;
  return {
    test: check.disable === true ? ['NONE'] : [...(check.test ?? [])],
    intervalMs: milliseconds(check.interval, 30_000),
    timeoutMs: milliseconds(check.timeout, 30_000),
    startPeriodMs: milliseconds(check.start_period, 0),
    startIntervalMs: milliseconds(check.start_interval, 5_000),
    retries: check.retries === undefined || check.retries === 0 ? 3 : check.retries,
  };
}

/** Of two services that differ about one image, the one that asks for more. */
function imagesOf(project: Project): Record<string, Image> {
  const images: Record<string, Image> = {};
  for (const service of Object.values(project.services)) {
    const { image = '' } = service;
    const spec = pullSpecOf(service);
    const known = images[image]?.spec;
    images[image] = { spec: known === undefined ? spec : eager(known, spec), status: null, pulledAt: 0 };
  }
  // Those of hooks have the policy of their service; there is nothing to build them from.
  for (const service of Object.values(project.services)) {
    for (const { image } of preStartOf(service)) images[image] ??= { spec: pullSpecOf(service.pull_policy === 'build' ? {} : service), status: null, pulledAt: 0 };
  }
  // Those that are mounted are pulled where they are missing.
  for (const { type, source = '' } of Object.values(project.services).flatMap(({ volumes = [] }) => volumes)) {
    if (type === 'image') images[source] ??= { spec: pullSpecOf({}), status: null, pulledAt: 0 };
  }
  return images;
}

const DAY_MS = 24 * 3600 * 1000;

function pullSpecOf({ pull_policy: policy = 'missing', pull_refresh_after: after }: ServiceConfig): Image['spec'] {
  if (policy === 'daily') return { pullPolicy: 'refresh', refreshMs: DAY_MS };
  if (policy === 'weekly') return { pullPolicy: 'refresh', refreshMs: 7 * DAY_MS };
  if (policy === 'refresh') return { pullPolicy: 'refresh', refreshMs: milliseconds(after, DAY_MS) };
  if (policy.startsWith('every_')) return { pullPolicy: 'refresh', refreshMs: milliseconds(policy.slice('every_'.length), DAY_MS) };
  return { pullPolicy: policy === 'always' || policy === 'never' ? policy : 'missing', refreshMs: 0 };
}

const EAGERNESS: readonly Image['spec']['pullPolicy'][] = ['missing', 'build', 'never', 'refresh', 'always'];

function eager(a: Image['spec'], b: Image['spec']): Image['spec'] {
  if (a.pullPolicy === 'refresh' && b.pullPolicy === 'refresh') return a.refreshMs <= b.refreshMs ? a : b;
  return EAGERNESS.indexOf(a.pullPolicy) >= EAGERNESS.indexOf(b.pullPolicy) ? a : b;
}

function milliseconds(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : parseDuration(text) ?? otherwise;
}
