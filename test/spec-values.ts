import { Attachment, ContainerSpec, PublishedPort } from '../src/state/container.ts';
import { IpamPool, type Network, NetworkSpec } from '../src/state/network.ts';
import { Resources } from '../src/state/resources.ts';

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

/** No limits, with what a test changes. */
export function resources(changes: Partial<Resources> = {}): Resources {
  return Resources.parse({ memory: null, cpus: null, pids: null, ...changes });
}

/** A container's spec that asks for nothing, with what a test changes. */
export function containerSpec(changes: Partial<ContainerSpec> = {}): ContainerSpec {
  return ContainerSpec.parse({
    image: 'demo', imageId: '', entrypoint: null, command: null, environment: {}, user: '', groupAdd: [], workingDir: '', hostname: '', domainname: '',
    labels: {}, stopSignal: null, stopGracePeriodMs: 10_000, restart: { policy: 'no', maxRetries: 0 }, healthcheck: null, capAdd: [], capDrop: [],
    readOnly: false, init: false, tty: false, stdinOpen: false, resources: resources(), mounts: [], networkMode: 'bridge', networks: {}, extraHosts: [], ports: [], ...changes,
  });
}
