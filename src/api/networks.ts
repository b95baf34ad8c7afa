import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import { DEFAULT_NETWORK, DEFAULT_NETWORK_SPEC, type NetworkSpec } from '../state/network.ts';
import { usedNetworks } from '../engine/network-requests.ts';
import { sendEmpty, sendJson } from './answer.ts';
import { EndpointConfig } from './docker-config.ts';
import { timeOf } from './docker-time.ts';
import { attachmentOf } from './docker-endpoint.ts';
import type { EngineView } from './engine-view.ts';
import { param, type Exchange } from './exchange.ts';
import { anyMatches, isTrue, labelsMatch, labelsPass, parseFilters } from './filters.ts';
import { inMode, members } from './network-json.ts';
import { MODES, shownNetworks, type ShownNetwork } from './predefined-networks.ts';
import { readBody } from './request-body.ts';

const text = z.string().nullish().transform((value) => value ?? '');
const pairs = z.record(z.string(), z.string()).nullish();
/** Body of `POST /networks/create`. Docker's clients send null for what is left out. */
const NetworkCreate = z.object({
  Name: z.string(),
  Driver: text,
  Internal: z.boolean().nullish(),
  Attachable: z.boolean().nullish(),
  EnableIPv4: z.boolean().nullish(),
  EnableIPv6: z.boolean().nullish(),
  IPAM: z.object({
    Driver: text,
    Config: z.array(z.object({ Subnet: text, Gateway: text, IPRange: text, AuxiliaryAddresses: pairs })).nullish(),
  }).nullish(),
  Options: pairs,
  Labels: pairs,
});

/** `GET /networks` */
export async function listNetworks({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), ['name', 'id', 'label', 'driver', 'scope', 'type', 'dangling']);
  const used = usedNetworks(engine);
  const found = shownNetworks(engine).filter(({ name, id, driver, labels, network }) => labelsMatch(labels, filters.get('label'))
    && anyMatches(filters.get('name'), (wanted) => name.includes(wanted))
    && anyMatches(filters.get('id'), (wanted) => id !== '' && id.startsWith(wanted))
    && anyMatches(filters.get('driver'), (wanted) => driver === wanted)
    && anyMatches(filters.get('scope'), (scope) => scope === 'local')
    && anyMatches(filters.get('type'), (type) => type === (isPredefined(name, network?.stack ?? '') ? 'builtin' : 'custom'))
    && anyMatches(filters.get('dangling'), (dangling) => (used.has(name) || isPredefined(name, network?.stack ?? '')) !== isTrue(dangling)));
  sendJson(response, 200, found.map(({ json }) => json));
}

/** `GET /networks/{id}`, by name, id or unambiguous prefix of the id. */
export async function inspectNetwork(exchange: Exchange): Promise<void> {
  const { name, network, json } = shown(exchange);
  sendJson(exchange.response, 200, { ...json, Containers: network === null ? inMode(exchange.engine, name) : members(exchange.engine, name, network) });
}

/** Names of networks that are being made: of several clients that ask for one at once, one makes it. */
const making = new WeakMap<EngineView, Set<string>>();

/** `POST /networks/create` */
export async function createNetwork({ engine, request, response }: Exchange): Promise<void> {
  const body = await readBody(request, NetworkCreate);
  const names = making.get(engine) ?? new Set<string>();
  making.set(engine, names);
  if (isPredefined(body.Name, engine.networks.list().get(body.Name)?.stack ?? '') || body.Name === 'default') throw new BayplanError('forbidden', `operation is not permitted on predefined ${body.Name} network`);
  if (engine.networks.spec(body.Name) !== null || names.has(body.Name)) throw new BayplanError('conflict', `network with name ${body.Name} already exists`);
  if (!['', 'default'].includes(body.IPAM?.Driver ?? '')) throw new BayplanError('bad-request', `network ${body.Name}: there is no ipam driver "${body.IPAM?.Driver ?? ''}"; leave it at default`);
  if (body.EnableIPv4 === false) throw new BayplanError('bad-request', `network ${body.Name}: one without IPv4 is not built; leave IPv4 on`);
  const spec: NetworkSpec = {
    driver: driverOf(body.Driver), internal: body.Internal ?? false, external: false, attachable: body.Attachable ?? false, ipv6: body.EnableIPv6 ?? false,
    ipam: (body.IPAM?.Config ?? []).map(({ Subnet, Gateway, IPRange, AuxiliaryAddresses }) => ({ subnet: Subnet, gateway: Gateway, ipRange: IPRange, auxAddresses: AuxiliaryAddresses ?? {} })),
    labels: body.Labels ?? {}, options: body.Options ?? {},
  };
  names.add(body.Name);
  try {
    await engine.createNetwork(body.Name, spec);
  } finally {
    names.delete(body.Name);
  }
  sendJson(response, 201, { Id: engine.networks.list().get(body.Name)?.status?.id ?? '', Warning: '' });
}

/** `DELETE /networks/{id}` */
export async function removeNetwork(exchange: Exchange): Promise<void> {
  const { name, network } = shown(exchange);
  if (isPredefined(name, network?.stack ?? '')) throw new BayplanError('forbidden', `${name} is a pre-defined network and cannot be removed`);
  await exchange.engine.removeNetwork(name).catch((error: unknown) => {
    throw error instanceof BayplanError && error.code === 'network-in-use' ? new BayplanError(error.code, `${error.message} (it has active endpoints)`) : error; // words that programs look for
  });
  sendEmpty(exchange.response, 204);
}

/** `POST /networks/prune`: those that no container is on, but for the default one. A stack's network that is pruned is made again by its next `up`. */
export async function pruneNetworks({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), ['label', 'label!', 'until']);
  const until = (filters.get('until') ?? []).map((text) => timeOf(text, Date.now()));
  const deleted = await engine.pruneNetworks((name, { stack, spec, status }) => !isPredefined(name, stack) && labelsPass(spec.labels, filters) && until.every((time) => (status?.createdAt ?? 0) < time));
  engine.events.tell('network', 'prune', '', { reclaimed: '0' });
  sendJson(response, 200, { NetworksDeleted: deleted });
}

const Connect = z.object({ Container: z.string(), EndpointConfig: EndpointConfig.nullish() });
const Disconnect = z.object({ Container: z.string(), Force: z.boolean().nullish() });

/** `POST /networks/{id}/connect`: at once where the container runs, and for its starts to come. */
export async function connectContainer(exchange: Exchange): Promise<void> {
  const { engine, request, response } = exchange;
  const { Container, EndpointConfig: config } = await readBody(request, Connect);
  if (param(exchange, 'id') === DEFAULT_NETWORK && engine.networks.spec(DEFAULT_NETWORK) === null) await engine.createNetwork(DEFAULT_NETWORK, DEFAULT_NETWORK_SPEC);
  const { name: network, network: object } = shown(exchange);
  const { name, spec } = engine.container(Container);
  if (object === null && network === 'host') throw new BayplanError('not-connectable', 'cannot connect container to host network - container must be created in host network mode');
  if (object === null) throw new BayplanError('not-connectable', 'container cannot be connected to multiple networks with one of the networks in private (none) mode');
  if (Object.hasOwn(spec.networks, network)) throw new BayplanError('forbidden', `endpoint with name ${name} already exists in network ${network}`);
  if ((config?.Links ?? []).length > 0) throw new BayplanError('not-built', `network ${network}: links of a container that is there already are not built; give the other one an alias there`);
  await engine.connectContainer(name, network, attachmentOf(network, config));
  sendEmpty(response, 200);
}

/** `POST /networks/{id}/disconnect`. With `Force` a container that is gone is no error: its addresses are free already. */
export async function disconnectContainer(exchange: Exchange): Promise<void> {
  const { engine, request, response } = exchange;
  const { Container, Force } = await readBody(request, Disconnect);
  const { name: network } = shown(exchange);
  try {
    await engine.disconnectContainer(engine.container(Container).name, network);
  } catch (error) {
    if (!(Force === true && error instanceof BayplanError && error.code === 'not-found')) throw error;
  }
  sendEmpty(response, 200);
}

/** Those that Docker's clients expect to stay. */
function isPredefined(name: string, stack: string): boolean {
  return stack === '' && (name === DEFAULT_NETWORK || MODES[name] !== undefined);
}

/** By name, id or unambiguous beginning of an id. */
function shown(exchange: Exchange): ShownNetwork {
  const ref = param(exchange, 'id');
  const all = shownNetworks(exchange.engine);
  const byPrefix = all.filter(({ id }) => ref !== '' && id.startsWith(ref));
  const network = all.find(({ name }) => name === ref) ?? (byPrefix.length === 1 ? byPrefix[0] : undefined);
  if (network === undefined) throw new BayplanError('not-found', `network ${ref} not found`);
  return network;
}

function driverOf(driver: string): NetworkSpec['driver'] {
  if (driver === '' || driver === 'default') return 'bridge';
  if (driver === 'bridge' || driver === 'macvlan' || driver === 'ipvlan') return driver;
  throw new BayplanError('not-found', `network driver "${driver}" is not there: expected bridge, macvlan or ipvlan`);
}
