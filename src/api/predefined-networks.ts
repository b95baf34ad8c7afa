import { DEFAULT_NETWORK, DEFAULT_NETWORK_SPEC, predefinedNetworkId, type Network } from '../state/network.ts';
import type { EngineView } from './engine-view.ts';
import { networkJson } from './network-json.ts';

/** Network modes that Docker's clients know as networks: the host's own, and none. They are no objects of the engine's: nothing is made for them. */
export const MODES: Readonly<Record<string, string>> = { host: 'host', none: 'null' };

/** A network as it is shown: the engine's, or one of Docker's predefined ones. */
export interface ShownNetwork {
  readonly name: string;
  readonly id: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Null: a mode. */
  readonly network: Network | null;
  readonly json: object;
}

/** The engine's networks, and with them the predefined ones; `bridge` also before a container has needed it. */
export function shownNetworks(engine: EngineView): readonly ShownNetwork[] {
  const own = [...engine.networks.list()].map(([name, network]) => shown(name, network));
  const missing = own.some(({ name }) => name === DEFAULT_NETWORK) ? [] : [shown(DEFAULT_NETWORK, { stack: '', spec: DEFAULT_NETWORK_SPEC, status: { id: predefinedNetworkId(engine.root, DEFAULT_NETWORK), link: '', pools: [], createdAt: engine.startedAt, present: false } })];
  const modes = Object.entries(MODES).filter(([mode]) => !own.some(({ name }) => name === mode)).map(([name, driver]): ShownNetwork => {
    const id = predefinedNetworkId(engine.root, name);
    const { json } = shown(name, { stack: '', spec: DEFAULT_NETWORK_SPEC, status: { id, link: '', pools: [], createdAt: engine.startedAt, present: true } });
    return { name, id, driver, labels: {}, network: null, json: { ...json, Driver: driver, IPAM: { Driver: 'default', Options: null, Config: null } } };
  });
  return [...missing, ...own, ...modes];
}

function shown(name: string, network: Network): ShownNetwork {
  return { name, id: network.status?.id ?? '', driver: network.spec.driver, labels: network.spec.labels, network, json: networkJson(name, network) };
}
