import { readdirSync, readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { BayplanError } from '../../../state/bayplan-error.ts';
import { proxyOf, type Proxies } from './proxies.ts';
import type { Registries } from './settings.ts';
import { TunnelAgent } from './tunnel-agent.ts';

/** Certificates for registries as Docker looks for them: `<host>/*.crt` are authorities, `*.cert` with `*.key` the client's own. */
const DOCKER_CERTS = '/etc/docker/certs.d';
/** The authorities that this machine trusts; Node has only a list of its own. */
const SYSTEM_AUTHORITIES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/** Connections to registries, kept open between requests; one agent an origin, with that host's certificates. */
export class Agents {
  readonly #registries: Registries;
  readonly #proxies: Proxies;
  readonly #certs: string;
  readonly #agents = new Map<string, HttpAgent>();

  constructor(registries: Registries, proxies: Proxies, certs: string = DOCKER_CERTS) {
    this.#registries = registries;
    this.#proxies = proxies;
    this.#certs = certs;
  }

  /** Throws BayplanError `registry-tls` where a certificate file cannot be read. */
  of(url: URL): HttpAgent {
    let agent = this.#agents.get(url.origin);
    if (agent === undefined) {
      agent = url.protocol === 'https:' ? this.#secure(url) : new HttpAgent({ keepAlive: true });
      this.#agents.set(url.origin, agent);
    }
    return agent;
  }

  /** Who is asked for an address without TLS in its server's stead; null: nobody. */
  proxyOf(url: URL): URL | null {
    return url.protocol === 'http:' ? proxyOf(url, this.#proxies) : null;
  }

  #secure(url: URL): HttpsAgent {
    const options = { keepAlive: true, ...this.#certificates(url.host) };
    const proxy = proxyOf(url, this.#proxies);
    return proxy === null ? new HttpsAgent(options) : new TunnelAgent(proxy, options);
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #certificates(host: string): { ca: string[]; cert?: string; key?: string } {
    const folder = join(this.#certs, host);
    const names = folderNames(folder);
    const configured = this.#registries[host]?.ca;
    const own = [...names.filter((name) => name.endsWith('.crt')).map((name) => join(folder, name)), ...(configured === undefined ? [] : [configured])];
    const client = names.find((name) => name.endsWith('.cert') && names.includes(name.replace(/cert$/, 'key')));
    return {
      ca: [...systemAuthorities(), ...own.map((file) => readCertificate(file, host))],
      ...(client === undefined ? {} : { cert: readCertificate(join(folder, client), host), key: readCertificate(join(folder, client.replace(/cert$/, 'key')), host) }),
    };
  }
}

function systemAuthorities(): readonly string[] {
  for (const file of SYSTEM_AUTHORITIES) {
    try {
      return [readFileSync(file, 'utf8')];
    } catch {
      continue; // another distribution's place
    }
  }
  return rootCertificates;
}

function readCertificate(file: string, host: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new BayplanError('registry-tls', `${file}, a certificate for registry ${host}, cannot be read (${cause instanceof Error ? cause.message : String(cause)}): put it there, or take it out of the configuration`, { cause });
  }
}

function folderNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw error;
  }
}
