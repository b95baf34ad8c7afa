import { BayplanError } from '../../../state/bayplan-error.ts';
import type { Registries } from './settings.ts';

/** Where a registry's API answers. */
export interface Endpoint {
  /** As messages, credentials and settings name it. */
  readonly host: string;
  /** Origin, and path of a mirror that is not at the root; without a slash at the end. */
  readonly base: string;
  readonly mirror: boolean;
}

/** Docker Hub's API is not at the host that its names have. */
const API_HOSTS: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/** What is asked for images of a registry, in order: its mirrors, then itself. `domain` as image names have it. */
export function endpointsOf(domain: string, registries: Registries): readonly Endpoint[] {
  const settings = registries[domain];
  const mirrors = (settings?.mirrors ?? []).map((mirror): Endpoint => ({ host: new URL(mirror).host, base: mirror.replace(/\/+$/, ''), mirror: true }));
  if (settings?.mirrorsOnly !== true) return [...mirrors, registryEndpoint(domain, registries)];
  if (mirrors.length === 0) throw new BayplanError('engine-config', `registry ${domain} has "mirrorsOnly" and no mirrors: name one in the engine's configuration`);
  return mirrors;
}

/** The registry itself, which is what is pushed to. */
export function registryEndpoint(domain: string, registries: Registries): Endpoint {
  const host = API_HOSTS[domain] ?? domain;
  const settings = registries[domain];
  const plain = settings?.plainHttp === true || (isLoopback(new URL(`http://${host}`).hostname) && settings?.ca === undefined);
  return { host: domain, base: `${plain ? 'http' : 'https'}://${host}`, mirror: false };
}

/** `hostname` as URL has it: IPv6 addresses in brackets. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}
