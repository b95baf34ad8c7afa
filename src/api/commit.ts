import { normalizeReference } from '../state/image-reference.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { sendJson } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { CommitBody, instructionsOf } from './commit-body.ts';
import { readBody } from './request-body.ts';

/** `POST /commit?container&repo&tag&comment&author&changes&pause`: an image from what a container has written. How it is to run the body says, and over that `changes`. */
export async function commitContainer({ engine, request, query, response }: Exchange): Promise<void> {
  const own = instructionsOf(await readBody(request, CommitBody));
  const container = query.get('container') ?? '';
  if (container === '') throw new BayplanError('bad-request', 'no container is named to make an image from');
  const [repo, tag] = [query.get('repo') ?? '', query.get('tag') ?? ''];
  const id = await engine.commitContainer(engine.container(container).name, {
    reference: repo === '' ? null : normalizeReference(tag === '' ? repo : `${repo}:${tag}`), author: query.get('author') ?? '', message: query.get('comment') ?? '',
    changes: [...own, ...query.getAll('changes').flatMap((change) => change.split('\n')).filter((line) => line.trim() !== '')], pause: !['0', 'false'].includes(query.get('pause') ?? ''),
  });
  sendJson(response, 201, { Id: id });
}
