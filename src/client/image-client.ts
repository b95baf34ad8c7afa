import type { IncomingMessage } from 'node:http';
import type { EngineClient } from './engine-client.ts';
import { filtersQuery, type Filters } from './filters-query.ts';
import { anything, fields, list, nullable, number, optional, text } from './outline.ts';

/** One element of `GET /images/json`, as far as the command line looks at it. */
export interface ImageSummary {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly Size: number;
}

/** One element of `GET /images/{name}/history`. */
export interface HistoryStep { readonly Id: string; readonly Created: number; readonly CreatedBy: string; readonly Size: number; readonly Comment: string }

/** What was taken away, a name or a digest each. */
export interface Removal { readonly Untagged?: string; readonly Deleted?: string }

const removal = fields<Removal>({ Untagged: optional(text), Deleted: optional(text) });

/** What the command line asks an engine about images. */
export class ImageClient {
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  async list(filters: Filters): Promise<readonly ImageSummary[]> {
    return await this.#engine.ask('GET', `/images/json?${filtersQuery(filters)}`, list(fields<ImageSummary>({ Id: text, RepoTags: list(text), RepoDigests: list(text), Created: number, Size: number })));
  }

  async inspect(name: string): Promise<object> {
    return await this.#engine.ask('GET', `${path(name)}/json`, anything);
  }

  async history(name: string): Promise<readonly HistoryStep[]> {
    return await this.#engine.ask('GET', `${path(name)}/history`, list(fields<HistoryStep>({ Id: text, Created: number, CreatedBy: text, Size: number, Comment: text })));
  }

  /** The digest that a name has at its registry. */
  async digest(name: string): Promise<string> {
    const { Descriptor } = await this.#engine.askRegistry(`/distribution/${encodeURI(name)}/json`, name, fields<{ readonly Descriptor: { readonly digest: string } }>({ Descriptor: fields<{ readonly digest: string }>({ digest: text }) }));
    return Descriptor.digest;
  }

  async tag(name: string, target: string): Promise<void> {
    await this.#engine.send('POST', `${path(name)}/tag?${new URLSearchParams({ repo: target })}`);
  }

  async remove(name: string, force: boolean): Promise<readonly Removal[]> {
    return await this.#engine.ask('DELETE', `${path(name)}?force=${Number(force)}`, list(removal));
  }

  async prune(filters: Filters): Promise<{ readonly ImagesDeleted: readonly Removal[] | null; readonly SpaceReclaimed: number }> {
    return await this.#engine.ask('POST', `/images/prune?${filtersQuery(filters)}`, fields<{ readonly ImagesDeleted: readonly Removal[] | null; readonly SpaceReclaimed: number }>({ ImagesDeleted: nullable(list(removal)), SpaceReclaimed: number }));
  }

  /** An archive of `docker save`. */
  async save(names: readonly string[]): Promise<IncomingMessage> {
    return await this.#engine.send('GET', `/images/get?${new URLSearchParams(names.map((name): [string, string] => ['names', name]))}`);
  }
}

/** Slashes stay as they are: they are part of a name's path. */
function path(name: string): string {
  return `/images/${encodeURIComponent(name).replaceAll('%2F', '/')}`;
}
