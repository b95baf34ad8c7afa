import type { EngineClient } from './engine-client.ts';
import { filtersQuery, type Filters } from './filters-query.ts';
import { anything, fields, list, nullable, number, table, text } from './outline.ts';

/** One element of `GET /volumes`. */
export interface VolumeSummary {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly Scope: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

const summary = fields<VolumeSummary>({ Name: text, Driver: text, Mountpoint: text, Scope: text, Labels: nullable(table(text)) });

/** Body of `POST /volumes/create`. Name '': the engine picks one. */
export interface VolumeRequest {
  readonly Name: string;
  readonly Driver: string;
  readonly DriverOpts: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
}

/** What the command line asks an engine about volumes. */
export class VolumeClient {
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  async list(filters: Filters): Promise<readonly VolumeSummary[]> {
    const { Volumes } = await this.#engine.ask('GET', `/volumes?${filtersQuery(filters)}`, fields<{ readonly Volumes: readonly VolumeSummary[] }>({ Volumes: list(summary) }));
    return Volumes;
  }

  async inspect(name: string): Promise<object> {
    return await this.#engine.ask('GET', `/volumes/${encodeURIComponent(name)}`, anything);
  }

  async create(request: VolumeRequest): Promise<VolumeSummary> {
    return await this.#engine.ask('POST', '/volumes/create', summary, JSON.stringify(request));
  }

  async remove(name: string, force: boolean): Promise<void> {
    const response = await this.#engine.send('DELETE', `/volumes/${encodeURIComponent(name)}?force=${Number(force)}`);
    response.resume();
  }

  async prune(filters: Filters): Promise<{ readonly VolumesDeleted: readonly string[]; readonly SpaceReclaimed: number }> {
    return await this.#engine.ask('POST', `/volumes/prune?${filtersQuery(filters)}`, fields<{ readonly VolumesDeleted: readonly string[]; readonly SpaceReclaimed: number }>({ VolumesDeleted: list(text), SpaceReclaimed: number }));
  }
}
