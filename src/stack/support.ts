import { exposedPorts } from '../state/exposed-ports.ts';
import { KNOWN_OPTIONS } from '../state/network-options.ts';
import { endpointOptionsProblem } from '../state/endpoint-options.ts';
import { driverOptsProblem } from '../state/volume-options.ts';
import { deviceRequestProblem } from '../state/device-request.ts';
import { deviceRequestsOf, securityOf, type SeccompProfiles } from './confinement.ts';
import { mistakeAt } from './mistake.ts';
import type { Mistake } from './mistake.ts';
import { optionProblems } from './review-options.ts';
import type { StackConfig } from './schema.ts';
import type { ServiceConfig } from './service-schema.ts';
import { placeOf } from './tree.ts';
import type { Tree } from './tree.ts';

/** Keys of a service that load and do nothing yet; a service runs without them, only not quite as asked. */
const ignoredKeys: readonly (keyof ServiceConfig)[] = ['platform'];

/** Keys of another system. */
const foreignKeys: readonly (keyof ServiceConfig)[] = ['cpu_count', 'cpu_percent', 'credential_spec'];

export interface Support {
  readonly notes: readonly string[];
  readonly refusals: readonly Mistake[];
}

/** What a service's own words do not say. */
export interface Surroundings { readonly workingDir: string; readonly profiles: SeccompProfiles }

/** The last pass: what the file asks for and this version does not do. One line each. */
export function reviewSupport(stack: StackConfig, services: Readonly<Record<string, ServiceConfig>>, surroundings: Surroundings, tree: Tree): Support {
  const review = new Review(tree);
  for (const [name, service] of Object.entries(services)) {
    reviewService(name, service, surroundings, review);
    if (isSaid(service.ports) && isInside(service, stack)) review.note(`service ${name}`, 'its ports are not published: all its networks are internal, and closed from outside');
    for (const { host_ip: host = '', published = '', target, protocol = 'tcp' } of service.ports ?? []) {
      if (host === '::1' && protocol === 'sctp') review.note(`service ${name}`, `nothing is heard at [::1]:${published}${published === '' ? '' : ':'}${target}/${protocol}: to [::1] TCP and UDP alone are carried; publish it on 127.0.0.1, or on all addresses`);
    }
  }
  const used = Object.values(services);
  for (const [key, network] of Object.entries(stack.networks ?? {})) {
    if (network !== null && used.some((service) => Object.hasOwn(service.networks ?? {}, key))) reviewNetwork(key, network, review);
  }
  for (const [key, volume] of Object.entries(stack.volumes ?? {})) {
    if (!['', 'local', 'default'].includes(volume?.driver ?? '')) review.refuse(['volumes', key, 'driver'], `driver "${volume?.driver ?? ''}" is not built yet, "local" is`);
    const problem = driverOptsProblem(volume?.driver_opts ?? {});
    if (problem !== null) review.refuse(['volumes', key, 'driver_opts'], `driver_opts: ${problem}`);
  }
  for (const [key, secret] of Object.entries(stack.secrets ?? {})) {
    if (secret.driver !== undefined && used.some(({ secrets }) => secrets?.some(({ source }) => source === key))) review.refuse(['secrets', key, 'driver'], `driver "${secret.driver}" is not built yet; use "file" or "environment"`);
  }
  return { notes: review.notes, refusals: review.refusals.sort((a, b) => a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column) };
}

class Review {
  readonly notes: string[] = [];
  readonly refusals: Mistake[] = [];
  readonly #tree: Tree;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  note(what: string, message: string): void {
    this.notes.push(`${what}: ${message}`);
  }

  /** `path` is where in the file, and what the message begins with. */
  refuse(path: readonly (string | number)[], message: string): void {
    this.refusals.push(mistakeAt(placeOf(this.#tree, path), `${path.slice(0, 2).join('.')}: ${message}`));
  }
}

/** Whether a service is on internal networks alone. */
function isInside({ networks = { default: null }, network_mode: mode }: ServiceConfig, stack: StackConfig): boolean {
  const keys = Object.keys(networks);
  return mode === undefined && keys.length > 0 && keys.every((key) => stack.networks?.[key]?.internal === true);
}

function reviewService(name: string, service: ServiceConfig, { workingDir, profiles }: Surroundings, review: Review): void {
  const what = `service ${name}`;
  const refuse = (key: string, message: string): void => { review.refuse(['services', name, key], message); };
  for (const key of ignoredKeys) if (isSaid(service[key])) review.note(what, `key "${key}" is not built yet and is ignored`);
  for (const key of foreignKeys) if (isSaid(service[key])) review.note(what, `key "${key}" means nothing on Linux and is ignored`);
  for (const { key, text } of optionProblems(service)) refuse(key, text);
  // Docker's engine makes port 0 of such, which nothing can listen at.
  for (const port of service.expose ?? []) if (exposedPorts(port) === null) review.note(what, `expose: ${JSON.stringify(port)} is no port from 1 to 65535, or a range upwards, such as 80, 53/udp or 8000-8002, and is ignored`);
  if (service.develop?.watch?.some(({ action }) => action === 'rebuild') === true) review.note(what, 'develop.watch: action "rebuild" is not built yet, a change that asks for it is told by watch');
  const security = securityOf(service, workingDir, profiles);
  for (const problem of security.problems) refuse('security_opt', problem);
  for (const note of security.notes) review.note(what, note);
  const mode = service.network_mode;
  if (mode === 'bridge') review.note(what, 'network_mode "bridge" is the default network of the stack');
  else if ((mode === 'none' || mode === 'host') && isSaid(service.ports)) review.note(what, `ports mean nothing with network_mode "${mode}" and are ignored`);
  if (service.build !== undefined && (service.image ?? '') === '') refuse('build', 'building images is not there yet; name an image that was loaded with "image"');
  else if (service.build !== undefined && service.pull_policy === 'build') refuse('pull_policy', 'building images is not there yet; leave out pull_policy "build"');
  else if (service.build !== undefined) review.note(what, 'key "build" is not built yet and is ignored, the image is used as it is');
  for (const { path, request } of deviceRequestsOf(service)) {
    const problem = deviceRequestProblem(request);
    if (problem !== null) review.refuse(['services', name, ...path], `${path.filter((part) => typeof part === 'string').join('.')}: ${problem}`);
  }
  reviewDeploy(what, service, review);
  reviewAttachments(name, service, review);
  service.volumes?.forEach((volume, index) => {
    const at = ['services', name, 'volumes', index];
    if (!['bind', 'volume', 'tmpfs', 'image'].includes(volume.type)) review.refuse(at, `a mount of type "${volume.type}" is not built yet`);
    if (volume.bind?.selinux !== undefined) review.note(what, `volumes: SELinux label "${volume.bind.selinux}" is ignored`);
    if (volume.bind?.recursive === 'readonly' && volume.read_only !== true) review.refuse(at, 'bind.recursive "readonly" needs "read_only: true"');
  });
}

function reviewDeploy(what: string, service: ServiceConfig, review: Review): void {
  const { deploy } = service;
  if (deploy === undefined) return;
  for (const key of ['endpoint_mode', 'labels', 'placement'] as const) {
    if (isSaid(deploy[key])) review.note(what, `key "deploy.${key}" is not built yet and is ignored`);
  }
  for (const [key, known] of [['update_config', ['pause', 'continue', 'rollback']], ['rollback_config', ['pause', 'continue']]] as const) {
    const action = deploy[key]?.failure_action ?? '';
    if (!['', ...known].includes(action)) review.note(what, `deploy.${key}.failure_action "${action}" is not known, "pause" is used`);
  }
  if (deploy.mode !== undefined && deploy.mode !== 'replicated') review.note(what, `deploy.mode "${deploy.mode}" is not built yet, "replicated" is used`);
  const reserved = deploy.resources?.reservations;
  if (reserved?.cpus !== undefined) review.note(what, 'deploy.resources.reservations.cpus is for clusters and is ignored; "cpu_shares" gives a share here');
  if (isSaid(reserved?.generic_resources)) review.note(what, 'deploy.resources.reservations.generic_resources is for clusters and is ignored');
}

function reviewAttachments(name: string, service: ServiceConfig, review: Review): void {
  for (const [key, attachment] of Object.entries(service.networks ?? {})) {
    const problem = endpointOptionsProblem(attachment?.driver_opts ?? {});
    if (problem !== null) review.refuse(['services', name, 'networks', key, 'driver_opts'], problem);
  }
  if (service.mac_address !== undefined && Object.keys(service.networks ?? {}).length > 1) {
    review.note(`service ${name}`, 'key "mac_address" is ignored where there are several networks; give it below one of them');
  }
}

function reviewNetwork(key: string, network: NonNullable<NonNullable<StackConfig['networks']>[string]>, review: Review): void {
  const at = (...path: (string | number)[]): (string | number)[] => ['networks', key, ...path];
  const driver = network.driver === undefined || network.driver === '' || network.driver === 'default' ? 'bridge' : network.driver;
  if (driver !== 'bridge' && driver !== 'macvlan' && driver !== 'ipvlan') return review.refuse(at('driver'), `driver "${driver}" is not built, "bridge", "macvlan" and "ipvlan" are`);
  if (network.enable_ipv4 === false) review.refuse(at('enable_ipv4'), 'a network without IPv4 is not built yet');
  for (const option of Object.keys(network.driver_opts ?? {})) {
    if (!KNOWN_OPTIONS[driver].includes(option)) review.note(`network ${key}`, `option "${option}" means nothing to driver ${driver} and is ignored`);
  }
  if (!['', 'default'].includes(network.ipam?.driver ?? '')) review.refuse(at('ipam', 'driver'), `ipam driver "${network.ipam?.driver ?? ''}" is not built yet`);
  if (isSaid(network.ipam?.options)) review.note(`network ${key}`, 'key "ipam.options" is not built yet and is ignored');
}

/** Whether a key asks for something: not left out, not empty. */
function isSaid(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
