import { PassThrough } from 'node:stream';
import { BayplanError } from '../state/bayplan-error.ts';
import { normalizeReference } from '../state/image-reference.ts';
import type { Exchange } from './exchange.ts';
import { ProgressStream } from './progress-stream.ts';

/** `POST /images/create?fromSrc=-&repo&tag&message&changes`: an image whose only layer is the archive of files that the body is. */
export async function importImage({ engine, query, request, response, gone }: Exchange): Promise<void> {
  if (query.get('fromSrc') !== '-') throw new BayplanError('not-built', `${query.get('fromSrc') ?? ''}: archives are not fetched from elsewhere: fetch it, and import the file`);
  const [repo, tag] = [query.get('repo') ?? '', query.get('tag') ?? ''];
  const layer = request.pipe(new PassThrough()); // what is refused is not read on: with the request itself its connection would end, before the answer
  gone.addEventListener('abort', () => void layer.destroy(new Error('the client has gone')));
  const id = await engine.images.import({
    layer, reference: repo === '' ? null : normalizeReference(tag === '' ? repo : `${repo}:${tag}`), message: query.get('message') || 'Imported from -',
    changes: query.getAll('changes').flatMap((change) => change.split('\n')).filter((line) => line.trim() !== ''),
  });
  const stream = new ProgressStream(response, []);
  await stream.run(() => Promise.resolve(stream.write({ status: id })));
}
