import { namesOn } from './zone.ts';
import type { Endpoint } from './networks.ts';
import { ZoneFiles } from './zone-files.ts';

/** The containers whose names resolve, and the zone files that they resolve by. */
export class EndpointNames {
  readonly #files: ZoneFiles;
  /** Zone of a network; null: the network is not there. */
  readonly #zoneOf: (network: string) => string | null;
  readonly #endpoints = new Map<string, Endpoint>();

  constructor(folder: string, zoneOf: (network: string) => string | null) {
    this.#files = new ZoneFiles(folder);
    this.#zoneOf = zoneOf;
  }

  /** By its id. */
  get(id: string): Endpoint | null {
    return this.#endpoints.get(id) ?? null;
  }

  /** As people know it. */
  nameOf(id: string): string {
    return this.#endpoints.get(id)?.name ?? id.slice(0, 12);
  }

  isReady(id: string): boolean {
    return this.#endpoints.get(id)?.ready ?? true;
  }

  /** What changes is in the files after `write`. */
  set(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.id, endpoint);
    for (const { network, ipv4, ipv6, names } of endpoint.attachments) {
      const zone = this.#zoneOf(network);
      const addresses = [ipv4, ipv6].filter((address) => address !== '');
      if (zone !== null) this.#files.zone(zone).set(endpoint.id, { names: namesOn(network, names), addresses, ready: endpoint.ready });
    }
  }

  /** Its names resolve no more. */
  delete(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint.id);
    this.leave(endpoint);
  }

  /** Its names resolve no more on the networks of these attachments. */
  leave(endpoint: Pick<Endpoint, 'id' | 'attachments'>): void {
    for (const zone of this.#zonesOf(endpoint)) this.#files.zone(zone).delete(endpoint.id);
  }

  setReady(endpoint: Endpoint, ready: boolean): void {
    this.#endpoints.set(endpoint.id, { ...endpoint, ready });
    for (const zone of this.#zonesOf(endpoint)) this.#files.zone(zone).setReady(endpoint.id, ready);
  }

  /** Writes the files of the networks that it is on. */
  async write(endpoint: Pick<Endpoint, 'attachments'>): Promise<void> {
    await Promise.all(this.#zonesOf(endpoint).map((zone) => this.#files.write(zone)));
  }

  path(zone: string): string {
    return this.#files.path(zone);
  }

  async writeZone(zone: string): Promise<void> {
    await this.#files.write(zone);
  }

  /** How a zone file is not as it was written; null: it is. */
  changed(zone: string): string | null {
    return this.#files.changed(zone);
  }

  async mendZone(zone: string): Promise<void> {
    await this.#files.mend(zone);
  }

  async removeZone(zone: string): Promise<void> {
    await this.#files.remove(zone);
  }

  /** Removes the files of all other zones. */
  async keepOnly(zones: ReadonlySet<string>): Promise<void> {
    await this.#files.keepOnly(zones);
  }

  #zonesOf({ attachments }: Pick<Endpoint, 'attachments'>): readonly string[] {
    return attachments.flatMap(({ network }) => this.#zoneOf(network) ?? []);
  }
}
