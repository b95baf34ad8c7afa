import type { Container, ContainerStatus, PublishedPort } from '../state/container.ts';
import type { ImageStatus } from '../state/image.ts';
import type { Network } from '../state/network.ts';

interface Ported {
  readonly container: Container;
  readonly status: ContainerStatus;
  readonly image: ImageStatus | null;
  readonly networks: ReadonlyMap<string, Network>;
}

interface Binding { readonly HostIp: string; readonly HostPort: string }

/** What the container is said to listen at, published or not, its image's words too: `80/tcp`. */
export function exposedPorts({ spec }: Pick<Container, 'spec'>, image: ImageStatus | null): readonly string[] {
  return [...new Set([...(image?.config.exposedPorts ?? []), ...spec.exposed, ...spec.ports.map((port) => `${port.target}/${port.protocol}`)])];
}

/** `HostConfig.PortBindings`: as they were asked for. */
export function portBindings(ports: readonly PublishedPort[]): Readonly<Record<string, readonly Binding[]>> {
  const map: Record<string, Binding[]> = {};
  for (const { hostIp, published, publishedLast, target, protocol } of ports) {
    (map[`${target}/${protocol}`] ??= []).push({ HostIp: hostIp, HostPort: published === null ? '' : `${published}${publishedLast === null ? '' : `-${publishedLast}`}` });
  }
  return map;
}

/**
 * `NetworkSettings.Ports` of inspect: where a running container is reached, null for a port that is exposed alone; proxies such as traefik and docker-gen find a container's ports by it.
 * As with Docker, only bridges that lead outside tell of ports: with the host's network, another container's, none, an internal one, or stopped, it is empty.
 */
export function portMap({ container, status, image, networks }: Ported): Readonly<Record<string, readonly Binding[] | null>> {
  if (status.phase !== 'running' || container.spec.networkMode !== 'bridge') return {};
  const map: Record<string, Binding[]> = {};
  for (const port of status.ports) {
    const bound = (map[`${port.target}/${port.protocol}`] ??= []);
    for (const ip of hostAddresses(port, status)) bound.push({ HostIp: ip, HostPort: port.published === null ? '' : String(port.published) });
  }
  const outward = Object.keys(container.spec.networks).some((name) => { const spec = networks.get(name)?.spec; return spec?.driver === 'bridge' && !spec.internal; });
  const alone = outward ? exposedPorts(container, image).filter((port) => !Object.hasOwn(map, port)) : [];
  return { ...map, ...Object.fromEntries(alone.map((port) => [port, null])) };
}

/** `Ports` of a list of containers, what `ps` shows: as in inspect (moby, daemon/container/view.go). */
export function summaryPorts(ported: Ported): readonly object[] {
  return Object.entries(portMap(ported)).flatMap(([port, bound]): object[] => {
    const [number = '0', protocol = 'tcp'] = port.split('/');
    const target = { PrivatePort: Number(number), Type: protocol };
    return bound === null ? [target] : bound.map(({ HostIp, HostPort }) => ({ IP: HostIp, PrivatePort: target.PrivatePort, PublicPort: Number(HostPort), Type: protocol }));
  });
}

/** All addresses are those of both families where the container has an address in both. */
function hostAddresses({ hostIp }: PublishedPort, status: ContainerStatus): readonly string[] {
  if (hostIp !== '') return [hostIp];
  return Object.keys(status.ipv6Addresses).length > 0 ? ['0.0.0.0', '::'] : ['0.0.0.0'];
}
