import { BlockList, isIP } from 'node:net';
import * as z from 'zod';
import { isLoopback } from './endpoints.ts';

const address = z.url({ protocol: /^https?$/, error: 'expected an address as "http://user:password@proxy.example:3128"' });

/** By way of whom registries are reached, in the words of Docker's daemon.json. */
export const Proxies = z.strictObject({
  'http-proxy': address.optional(),
  'https-proxy': address.optional(),
  /** Hosts, domains, addresses and networks that are reached directly, separated by commas; `*`: all. */
  'no-proxy': z.string().optional(),
});
export type Proxies = z.infer<typeof Proxies>;

/** What the environment says, in the variables that programs take it from; what is no address there is left out. */
export function environmentProxies(env: NodeJS.ProcessEnv): Proxies {
  const of = (name: string): string | undefined => env[name] ?? env[name.toLowerCase()];
  const [http, https, none] = [address.safeParse(of('HTTP_PROXY')).data, address.safeParse(of('HTTPS_PROXY')).data, of('NO_PROXY')];
  return { ...(http === undefined ? {} : { 'http-proxy': http }), ...(https === undefined ? {} : { 'https-proxy': https }), ...(none === undefined ? {} : { 'no-proxy': none }) };
}

/** The proxy for an address; null: it is reached directly, as this host itself always is. */
export function proxyOf(url: URL, proxies: Proxies): URL | null {
  const proxy = proxies[url.protocol === 'https:' ? 'https-proxy' : 'http-proxy'];
  if (proxy === undefined || isLoopback(url.hostname) || (proxies['no-proxy'] ?? '').split(',').some((entry) => excepts(entry.trim().toLowerCase(), url))) return null;
  return new URL(proxy);
}

/** As Go's programs read NO_PROXY: `example.org` and what is below it, `.example.org` only what is below it, each with a port or without. */
function excepts(entry: string, url: URL): boolean {
  if (entry === '*') return true;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const [, network = '', bits] = /^([0-9a-f:.]+)\/(\d+)$/.exec(entry) ?? [];
  if (bits !== undefined && isIP(network) !== 0) {
    if (isIP(host) !== isIP(network) || Number(bits) > (isIP(network) === 4 ? 32 : 128)) return false;
    const list = new BlockList();
    const family = isIP(network) === 4 ? 'ipv4' : 'ipv6';
    list.addSubnet(network, Number(bits), family);
    return list.check(host, family);
  }
  const [, name = '', port] = isIP(entry) === 6 ? [entry, entry] : /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry) ?? [];
  const own = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  if (name === '' || (port !== undefined && port !== own)) return false;
  return name.startsWith('.') ? host.endsWith(name) : host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

/** The header that lets us through a proxy with a name and a password. */
export function proxyAuthorization(proxy: URL): Readonly<Record<string, string>> {
  if (proxy.username === '') return {};
  return { 'Proxy-Authorization': `Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}` };
}
