import { BayplanError } from '../state/bayplan-error.ts';
import { sendEmpty, sendJson } from './answer.ts';
import { flag, param, type Exchange } from './exchange.ts';
import { labelsMatch, parseFilters } from './filters.ts';

/** `DELETE /containers/{id}?force=&v=` */
export async function removeContainer(exchange: Exchange): Promise<void> {
  const { engine, response } = exchange;
  const { name, status } = engine.container(param(exchange, 'id'));
  if (status?.phase === 'running' && !flag(exchange, 'force')) throw new BayplanError('conflict', `container ${name} is running: stop it first, or force its removal`);
  await engine.removeContainer(name, flag(exchange, 'v'));
  sendEmpty(response, 204);
}

/** `POST /containers/{id}/rename?name=` */
export async function renameContainer(exchange: Exchange): Promise<void> {
  const { engine, query, response } = exchange;
  const to = (query.get('name') ?? '').replace(/^\//, '');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(to)) throw new BayplanError('bad-request', `container name "${to}": expected letters, digits, "_", "." and "-", at least two, a letter or digit first`);
  await engine.renameContainer(engine.container(param(exchange, 'id')).name, to);
  sendEmpty(response, 204);
}

/** `POST /containers/prune?filters=`: containers of the API that do not run. Stacks keep theirs: they go with `down`. */
export async function pruneContainers({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), ['label']);
  const ended = [...engine.containers.list()].filter(([, { identity, spec, status }]) => identity.owner === 'api' && status?.phase !== 'running' && labelsMatch(spec.labels, filters.get('label')));
  for (const [name] of ended) await engine.removeContainer(name, false);
  sendJson(response, 200, { ContainersDeleted: ended.flatMap(([, { status }]) => (status === null ? [] : [status.id])), SpaceReclaimed: 0 });
}
