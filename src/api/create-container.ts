import { randomBytes } from 'node:crypto';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Attachment, ContainerSpec } from '../state/container.ts';
import { Image } from '../state/image.ts';
import { isReference } from '../state/image-reference.ts';
import { DEFAULT_NETWORK, DEFAULT_NETWORK_SPEC, type Network } from '../state/network.ts';
import { imagesUsedBy } from '../state/images-used.ts';
import { containerOf } from '../state/shared-with.ts';
import { signalNumber } from '../state/signals.ts';
import { specProblems } from '../state/spec-problems.ts';
import { emptyState, type Desired } from '../state/state.ts';
import { VolumeSpec, type Volume } from '../state/volume.ts';
import { sendJson } from './answer.ts';
import { consoleSizeOf } from './console-size.ts';
import { badName } from './container-removal.ts';
import { DockerConfig, type EndpointConfig } from './docker-config.ts';
import { checkConflicts } from './docker-conflicts.ts';
import { attachmentOf } from './docker-endpoint.ts';
import { volumesAsked } from './docker-mounts.ts';
import { checkLimits } from './docker-resources.ts';
import { specOf } from './docker-spec.ts';
import { isOwnPlatform } from './platform.ts';
import type { EngineView } from './engine-view.ts';
import type { Exchange } from './exchange.ts';
import { readBody } from './request-body.ts';
import { withVolumesFrom } from './volumes-from.ts';

/** `POST /containers/create?name=`: a desired state of one container of the API's, which is made and not started. */
export async function createContainer({ engine, query, request, response }: Exchange): Promise<void> {
  const config = await readBody(request, DockerConfig);
  if (Object.keys(config).length === 1 && config.Image === '') throw new BayplanError('bad-request', 'config cannot be empty in order to create a container');
  if (config.Image === '') throw new BayplanError('bad-request', 'no command specified: Image is missing');
  checkConflicts(config);
  if (!isReference(config.Image) && !/^(sha256:)?[0-9a-f]{64}$/.test(config.Image)) throw new BayplanError('bad-request', 'invalid reference format');
  checkPlatform(config.Image, query.get('platform') ?? '');
  const name = nameOf(query.get('name'));
  const joined = joinedBy(engine, config);
  const networks = Object.fromEntries(joined.map(({ name: key, network }) => [key, network]));
  const spec = withDonors(engine, withLinks(engine, config, withVolumesFrom(engine, config, specOf(config, Object.fromEntries(joined.map(({ name: key, attachment }) => [key, attachment])), engine.images.find(config.Image)?.config ?? null))));
  checkLimits(spec.resources, spec.resources);
  if (spec.stopSignal !== null) signalNumber(spec.stopSignal);
  const [problem] = specProblems(spec);
  if (problem !== undefined) throw new BayplanError('bad-request', problem.text);
  const id = await engine.createContainer(desiredOf(name, spec, networks, volumesOf(engine, spec, volumesAsked(config))));
  const size = consoleSizeOf(config.HostConfig?.ConsoleSize);
  if (spec.tty && size !== null) await engine.containers.resize(name, size);
  sendJson(response, 201, { Id: id, Warnings: [...engine.warnings(spec), ...(spec.networkMode === 'host' && spec.ports.length > 0 ? ['Published ports are discarded when using host network mode'] : [])] });
}

/** All images that there are are for this machine. Docker's client pulls on a 404. */
function checkPlatform(image: string, platform: string): void {
  if (isOwnPlatform(platform)) return;
  throw new BayplanError('image-not-found', `image with reference ${image} was found but does not provide the specified platform (${platform})`);
}

function desiredOf(name: string, spec: ContainerSpec, networks: Record<string, Network>, volumes: Record<string, Volume>): Desired {
  const identity = { owner: 'api' as const, stack: '', service: '', slot: 0, generation: 1 };
  return {
    ...emptyState(''), networks, volumes, containers: { [name]: { identity, spec, status: null } }, images: Object.fromEntries(imagesUsedBy(spec).map((image) => [image, Image.parse({ spec: { pullPolicy: 'never' }, status: null })])),
    inactive: [], unstarted: [name], remove: { orphans: false, volumes: false }, stopTimeoutSeconds: null, drift: 'heal', notes: [],
  };
}

function nameOf(given: string | null): string {
  const name = (given ?? '').replace(/^\//, '');
  if (name === '') return `container-${randomBytes(4).toString('hex')}`;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) throw new BayplanError('bad-request', badName(name));
  return name;
}

/** A network that a container is to be on, with how: what exists is taken as it is. */
interface Joined { readonly name: string; readonly network: Network; readonly attachment: Attachment }

function joinedBy(engine: EngineView, { HostConfig, NetworkingConfig, NetworkDisabled, MacAddress }: DockerConfig): readonly Joined[] {
  const mode = HostConfig?.NetworkMode ?? '';
  if (NetworkDisabled === true || mode === 'none' || mode === 'host' || mode.startsWith('container:')) return [];
  const asked = NetworkingConfig?.EndpointsConfig ?? {};
  const configOf = (ref: string): EndpointConfig | null | undefined => asked[ref] ?? (ref === DEFAULT_NETWORK ? asked['default'] : null);
  const others = Object.keys(asked).filter((name) => name !== 'default');
  const unsaid = mode === '' || mode === 'default';
  // Docker's rule: one that names its networks, and no mode, is on those alone.
  const refs = unsaid ? (others.length > 0 && asked['default'] === undefined ? others : [DEFAULT_NETWORK, ...others]) : [mode, ...others];
  const [first] = refs;
  return [...new Set(refs)].map((ref) => {
    const all = [...engine.networks.list()];
    const existing = all.find(([name]) => name === ref) ?? all.find(([, { status }]) => (/^[0-9a-f]+$/.test(ref) && status?.id.startsWith(ref) === true));
    // No 404: docker's client takes that for a missing image, and pulls.
    if (existing === undefined && ref !== DEFAULT_NETWORK) throw new BayplanError('bad-request', `network ${ref} not found`);
    const name = existing?.[0] ?? DEFAULT_NETWORK;
    const network = existing === undefined ? { stack: '', spec: DEFAULT_NETWORK_SPEC, status: null } : { ...existing[1], spec: { ...existing[1].spec, external: true }, status: null };
    const attachment = attachmentOf(name, configOf(ref));
    return { name, network, attachment: ref === first && MacAddress && attachment.macAddress === '' ? attachmentOf(name, { ...configOf(ref), MacAddress }) : attachment };
  });
}

/** Links by the names of containers. Throws `bad-request` for one of the default network to no container; on other networks names are looked up as they are asked for. */
function withLinks(engine: EngineView, { HostConfig }: DockerConfig, spec: ContainerSpec): ContainerSpec {
  const onDefault = ['', 'default', DEFAULT_NETWORK].includes(HostConfig?.NetworkMode ?? '');
  const strict = new Set(onDefault ? (HostConfig?.Links ?? []).map((link) => link.replace(/^\//, '').split(':')[0]) : []);
  const named = (ref: string): string => {
    try {
      return engine.container(ref).name;
    } catch (error) {
      if (error instanceof BayplanError && error.code === 'not-found' && !strict.has(ref)) return ref;
      throw error instanceof BayplanError ? new BayplanError('bad-request', `could not get container for ${ref}: ${error.message}`) : error;
    }
  };
  return { ...spec, links: Object.fromEntries(Object.entries(spec.links).map(([alias, ref]) => [alias, named(ref)])) };
}

/**
 * Containers whose namespaces it is to share, by their IDs: names can become others'. One that there is not is told when it is to start, where it is the
 * network's. Throws BayplanError `bad-request` for another: docker's client takes a 404 for a missing image.
 */
function withDonors(engine: EngineView, spec: ContainerSpec): ContainerSpec {
  const byId = (mode: string, strict: boolean): string => {
    const ref = containerOf(mode);
    if (ref === null) return mode;
    try {
      return `container:${engine.container(ref).status?.id ?? ref}`;
    } catch (error) {
      if (error instanceof BayplanError && error.code === 'not-found' && !strict) return mode;
      throw error instanceof BayplanError && error.code === 'not-found' ? new BayplanError('bad-request', error.message) : error;
    }
  };
  const { ipc, pid } = spec.namespaces;
  return { ...spec, networkMode: byId(spec.networkMode, false), namespaces: { ...spec.namespaces, ipc: byId(ipc, true), pid: byId(pid, true) } };
}

/** Named volumes; the missing are made with the container, as `asked`. */
function volumesOf(engine: EngineView, { mounts }: ContainerSpec, asked: ReturnType<typeof volumesAsked>): Record<string, Volume> {
  const names = new Set(mounts.flatMap((mount) => (mount.type === 'volume' && mount.source !== null ? [mount.source] : [])));
  return Object.fromEntries([...names].map((name) => {
    const existing = engine.volumes.list().get(name);
    if (existing !== undefined) return [name, { ...existing, spec: { ...existing.spec, external: true }, status: null }];
    return [name, { stack: '', spec: VolumeSpec.parse({ driver: 'local', external: false, driverOpts: {}, labels: {}, ...asked.get(name) }), status: null }];
  }));
}
