import { pipeline } from 'node:stream/promises';
import { BayplanError } from '../state/bayplan-error.ts';
import { familiarReference } from '../state/image-reference.ts';
import { param, type Exchange } from './exchange.ts';

/** `POST /images/load`: the body is the archive. The answer comes when all of it is stored, so that a failure has a status of its own. */
export async function loadImages({ engine, request, response }: Exchange): Promise<void> {
  const references = await engine.images.load(request);
  const lines = references.map((reference) => `${JSON.stringify({ stream: `Loaded image${reference.startsWith('sha256:') ? ' ID' : ''}: ${familiarReference(reference)}\n` })}\n`).join('');
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(lines);
}

/** `GET /images/get?names=NAME&names=…` */
export async function saveImages(exchange: Exchange): Promise<void> {
  const names = exchange.query.getAll('names').flatMap((each) => each.split(','));
  if (names.length === 0) throw new BayplanError('bad-request', 'names is missing: the images to save');
  await save(exchange, names);
}

/** `GET /images/{name}/get` */
export async function saveImage(exchange: Exchange): Promise<void> {
  await save(exchange, [param(exchange, 'name')]);
}

async function save({ engine, response, gone }: Exchange, names: readonly string[]): Promise<void> {
  const archive = await engine.images.save(names);
  response.writeHead(200, { 'Content-Type': 'application/x-tar' });
  await pipeline(archive, response, { signal: gone });
}
