import { BayplanError } from '../state/bayplan-error.ts';
import { familiarReference } from '../state/image-reference.ts';
import type { ImageStatus } from '../state/image.ts';
import { sendEmpty, sendJson } from './answer.ts';
import { flag, param, type Exchange } from './exchange.ts';
import { isTrue, parseFilters } from './filters.ts';
import { imageFilter, LIST_FILTERS, matchingReferences, PRUNE_FILTERS } from './image-filters.ts';
import { historyJson, imageSummaries, inspectJson } from './image-json.ts';

/** `GET /images/json` */
export async function listImages({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), LIST_FILTERS);
  const found = engine.images.list().filter(imageFilter(filters, engine.images, Date.now()));
  sendJson(response, 200, imageSummaries(engine, found.map(({ image, references }) => ({ image, references: matchingReferences(references, filters) }))));
}

/** `GET /images/{name}/json` */
export async function inspectImage(exchange: Exchange): Promise<void> {
  const image = find(exchange);
  sendJson(exchange.response, 200, inspectJson(image, exchange.engine.images.details(param(exchange, 'name'))));
}

/** `GET /images/{name}/history` */
export async function imageHistory(exchange: Exchange): Promise<void> {
  const image = find(exchange);
  sendJson(exchange.response, 200, historyJson(image, exchange.engine.images.details(param(exchange, 'name'))));
}

/** `POST /images/{name}/tag?repo=NAME&tag=TAG` */
export async function tagImage(exchange: Exchange): Promise<void> {
  const { engine, query, response } = exchange;
  const repository = query.get('repo') ?? '';
  if (repository === '') throw new BayplanError('bad-request', 'repo is missing: the name that the image is to have');
  const tag = query.get('tag') ?? '';
  await engine.images.tag(param(exchange, 'name'), tag === '' ? repository : `${repository}:${tag}`);
  sendEmpty(response, 201);
}

/** `DELETE /images/{name}?force=`. There are no parents, so that `noprune` keeps nothing. */
export async function removeImage(exchange: Exchange): Promise<void> {
  const { untagged, deleted } = await exchange.engine.images.remove(param(exchange, '*'), flag(exchange, 'force'));
  sendJson(exchange.response, 200, removals(untagged, deleted));
}

/** `POST /images/prune`: images without a name, or with `dangling=false` all that no container was made from. */
export async function pruneImages({ engine, query, response }: Exchange): Promise<void> {
  const { dangling, ...filters } = Object.fromEntries(parseFilters(query.get('filters'), PRUNE_FILTERS));
  const namelessOnly = isTrue(dangling?.[0] ?? 'true');
  const passes = imageFilter(new Map(Object.entries(filters)), engine.images, Date.now());
  const { untagged, deleted, reclaimed } = await engine.images.prune((image) => passes(image) && (!namelessOnly || image.references.length === 0));
  sendJson(response, 200, { ImagesDeleted: deleted.length === 0 ? null : removals(untagged, deleted), SpaceReclaimed: reclaimed });
}

function find(exchange: Exchange): ImageStatus {
  const name = param(exchange, 'name');
  const image = exchange.engine.images.find(name);
  if (image === null) throw new BayplanError('not-found', `No such image: ${/[:@]/.test(name.slice(name.lastIndexOf('/') + 1)) ? name : `${name}:latest`}`);
  return image;
}

function removals(untagged: readonly string[], deleted: readonly string[]): readonly object[] {
  return [...untagged.map((name) => ({ Untagged: familiarReference(name) })), ...deleted.map((id) => ({ Deleted: id }))];
}
