import { BayplanError } from '../state/bayplan-error.ts';
import { sendEmpty, sendJson } from './answer.ts';
import { stateWord } from './container-json.ts';
import { timeOf } from './docker-time.ts';
import { flag, param, type Exchange } from './exchange.ts';
import { labelsPass, parseFilters } from './filters.ts';

/** `DELETE /containers/{id}?force=&v=` */
export async function removeContainer(exchange: Exchange): Promise<void> {
  const { engine, response } = exchange;
  const { name, status } = engine.container(param(exchange, 'id'));
  const state = status === null ? 'created' : stateWord(status);
  if (!flag(exchange, 'force') && (state === 'restarting' || state === 'paused' || state === 'running')) throw new BayplanError('conflict', `cannot remove container "/${name}": container is ${state === 'paused' ? 'paused and must be unpaused first' : `${state}: stop the container before removing or force remove`}`);
  await engine.removeContainer(name, { volumes: flag(exchange, 'v'), ended: !flag(exchange, 'force') });
  sendEmpty(response, 204);
}

/** `POST /containers/{id}/rename?name=` */
export async function renameContainer(exchange: Exchange): Promise<void> {
  const { engine, query, response } = exchange;
  const { name } = engine.container(param(exchange, 'id'));
  const to = (query.get('name') ?? '').replace(/^\//, '');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(to)) throw new BayplanError('bad-request', badName(to));
  if (to === name) throw new BayplanError('bad-request', 'Renaming a container with the same name as its current name');
  await engine.renameContainer(name, to);
  sendEmpty(response, 204);
}

/** In Docker's words. */
export function badName(name: string): string {
  return `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`;
}

/** `POST /containers/prune?filters=`: containers of the API that do not run. Stacks keep theirs: they go with `down`. */
export async function pruneContainers({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), ['label', 'label!', 'until']);
  const until = (filters.get('until') ?? []).map((text) => timeOf(text, Date.now()));
  const ended = [...engine.containers.list()].filter(([, { identity, spec, status }]) => identity.owner === 'api' && status?.phase !== 'running' && labelsPass({ ...engine.images.find(spec.imageId)?.config.labels, ...spec.labels }, filters) && until.every((time) => (status?.createdAt ?? 0) < time));
  const { containers: sizes } = await engine.diskUsage({ containers: ended.map(([name]) => name), volumes: false });
  let reclaimed = 0;
  const deleted: string[] = [];
  for (const [name, { status }] of ended) {
    try {
      await engine.removeContainer(name, { ended: true });
      deleted.push(status?.id ?? '');
      reclaimed += sizes.get(name) ?? 0;
    } catch (error) {
      // Somebody has started or removed it meanwhile.
      if (!(error instanceof BayplanError && (error.code === 'conflict' || error.code === 'not-found'))) throw error;
    }
  }
  engine.events.tell('container', 'prune', '', { reclaimed: String(reclaimed) });
  sendJson(response, 200, { ContainersDeleted: deleted, SpaceReclaimed: reclaimed });
}
