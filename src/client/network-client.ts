import type { EngineClient } from './engine-client.ts';
import { anything, fields, flag, list, nullable, text } from './outline.ts';

/** One element of `GET /networks`, as far as the command line looks at it. */
export interface NetworkSummary {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Internal: boolean;
  readonly EnableIPv6: boolean;
  /** Null for what is no network of the engine's: host, none. */
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string }[] | null };
}

const summary = fields<NetworkSummary>({
  Id: text, Name: text, Driver: text, Scope: text, Internal: flag, EnableIPv6: flag, IPAM: fields<NetworkSummary['IPAM']>({ Config: nullable(list(fields<{ readonly Subnet: string }>({ Subnet: text }))) }),
});

/** Body of `POST /networks/create`, as far as the command line says it. */
export interface NetworkRequest {
  readonly Name: string;
  readonly Driver: string;
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly EnableIPv6: boolean;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string; readonly Gateway: string; readonly IPRange: string; readonly AuxiliaryAddresses: Readonly<Record<string, string>> }[] };
  readonly Options: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Filter name → values. */
export type NetworkFilters = Readonly<Record<string, readonly string[]>>;

/** What the command line asks an engine about networks. */
export class NetworkClient {
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  async list(filters: NetworkFilters): Promise<readonly NetworkSummary[]> {
    return await this.#engine.ask('GET', `/networks?${query(filters)}`, list(summary));
  }

  async inspect(name: string): Promise<object> {
    return await this.#engine.ask('GET', `/networks/${encodeURIComponent(name)}`, anything);
  }

  async create(request: NetworkRequest): Promise<string> {
    return (await this.#engine.ask('POST', '/networks/create', fields<{ readonly Id: string }>({ Id: text }), JSON.stringify(request))).Id;
  }

  async remove(name: string): Promise<void> {
    await this.#engine.send('DELETE', `/networks/${encodeURIComponent(name)}`);
  }

  async prune(filters: NetworkFilters): Promise<readonly string[]> {
    return (await this.#engine.ask('POST', `/networks/prune?${query(filters)}`, fields<{ readonly NetworksDeleted: readonly string[] }>({ NetworksDeleted: list(text) }))).NetworksDeleted;
  }
}

function query(filters: NetworkFilters): string {
  return new URLSearchParams(Object.keys(filters).length === 0 ? {} : { filters: JSON.stringify(filters) }).toString();
}
