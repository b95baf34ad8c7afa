import { isIP, isIPv4, isIPv6 } from 'node:net';
import { BayplanError } from '../state/bayplan-error.ts';
import { Attachment } from '../state/container.ts';
import { endpointOptionsProblem } from '../state/endpoint-options.ts';
import { isHardwareAddress } from '../state/hardware-address.ts';
import type { EndpointConfig } from './docker-config.ts';

/** How a container is to be on network `network`. Links are the container's own. Throws BayplanError `bad-request`. */
export function attachmentOf(network: string, endpoint: EndpointConfig | null | undefined): Attachment {
  const { Aliases, IPAMConfig, MacAddress, GwPriority, DriverOpts } = endpoint ?? {};
  const problem = endpointOptionsProblem(DriverOpts ?? {});
  if (problem !== null) throw new BayplanError('bad-request', `network ${network}: ${problem}`);
  if (MacAddress && !isHardwareAddress(MacAddress)) throw new BayplanError('bad-request', `network ${network}: "${MacAddress}" is no hardware address of a single station, expected one as 02:42:ac:11:00:02`);
  const wrong = [
    ...(IPAMConfig?.IPv4Address && !isIPv4(IPAMConfig.IPv4Address) ? [`IPv4 address: ${IPAMConfig.IPv4Address}`] : []), ...(IPAMConfig?.IPv6Address && !isIPv6(IPAMConfig.IPv6Address) ? [`IPv6 address: ${IPAMConfig.IPv6Address}`] : []),
    ...(IPAMConfig?.LinkLocalIPs ?? []).filter((text) => isIP(text) === 0).map((text) => `link-local IP address: ${text}`),
  ];
  if (wrong[0] !== undefined) throw new BayplanError('bad-request', `network ${network}: invalid ${wrong[0]}`);
  return Attachment.parse({
    aliases: Aliases ?? [], ipv4Address: IPAMConfig?.IPv4Address || null, ipv6Address: IPAMConfig?.IPv6Address || null, linkLocalIps: IPAMConfig?.LinkLocalIPs ?? [],
    macAddress: MacAddress ?? '', gatewayPriority: GwPriority ?? 0, priority: 0, driverOpts: DriverOpts ?? {},
  });
}
