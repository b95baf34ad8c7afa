import type { ContainerSpec } from '../../state/container.ts';

/**
 * A container's /etc/resolv.conf (resolv.conf(5)) as Docker makes it: its own responder where it has networks, else the nameservers asked for or the
 * host's; search domains and options as asked for, else the host's. `host` is the host's file.
 */
export function resolvConfOf(spec: ContainerSpec, host: string): string {
  const { servers, search, options } = spec.dns;
  const served = spec.networkMode === 'bridge';
  if (served && Object.keys(spec.networks).length === 0) return '';
  const nameservers = served ? ['127.0.0.11'] : servers.length > 0 ? servers : words(host, 'nameserver');
  const domains = (search ?? words(host, 'search')).filter((domain) => domain !== '.'); // "." asks for none
  const chosen = options.length > 0 ? options : words(host, 'options');
  // Names of services have no dots, so any name may be one.
  const resolved = served && !chosen.some((option) => option.startsWith('ndots:')) ? [...chosen, 'ndots:0'] : chosen;
  return [
    ...nameservers.map((server) => `nameserver ${server}\n`),
    ...(domains.length > 0 ? [`search ${domains.join(' ')}\n`] : []),
    ...(resolved.length > 0 ? [`options ${resolved.join(' ')}\n`] : []),
  ].join('');
}

/** What stands behind a keyword; of `search` the last line counts. */
function words(file: string, keyword: string): readonly string[] {
  const lines = file.split('\n').map((line) => line.trim().split(/\s+/)).filter(([first]) => first === keyword).map((line) => line.slice(1));
  return keyword === 'search' ? (lines.at(-1) ?? []) : lines.flat();
}
