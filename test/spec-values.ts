import { Attachment, PublishedPort } from '../src/state/container.ts';
import { IpamPool, type Network, NetworkSpec } from '../src/state/network.ts';

/** A published TCP port of 80, with what a test changes. */
export function publishedPort(changes: Partial<PublishedPort> = {}): PublishedPort {
  return PublishedPort.parse({ hostIp: '', published: null, target: 80, protocol: 'tcp', ...changes });
}

/** An attachment that asks for nothing, with what a test changes. */
export function attachment(changes: Partial<Attachment> = {}): Attachment {
  return Attachment.parse({ aliases: [], ipv4Address: null, priority: 0, ...changes });
}

/** A pool of a network. */
export function pool(changes: Partial<IpamPool> = {}): IpamPool {
  return IpamPool.parse({ subnet: '', gateway: '', ipRange: '', ...changes });
}

/** A network that is there. */
export function network(changes: Partial<Network>, ...pools: readonly IpamPool[]): Network {
  const spec = NetworkSpec.parse({ driver: 'bridge', internal: false, external: false, ipam: [], labels: {}, options: {} });
  return { stack: '', spec, status: { id: 'e'.repeat(64), link: 'bp-1', pools: [...pools], createdAt: 1, present: true }, ...changes };
}
