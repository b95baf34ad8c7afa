import type { Volume } from '../state/volume.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { sendJson } from './answer.ts';
import { rfc3339 } from './docker-time.ts';
import { param, type Exchange } from './exchange.ts';
import { anyMatches, labelsMatch, parseFilters } from './filters.ts';

/** `GET /volumes` */
export async function listVolumes({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), ['name', 'label', 'driver', 'dangling']);
  const used = new Set([...engine.containers.list().values()].flatMap(({ spec }) => spec.mounts.flatMap((mount) => (mount.type === 'volume' && mount.source !== null ? [mount.source] : []))));
  const found = [...engine.volumes.list()].filter(([name, { spec }]) => labelsMatch(spec.labels, filters.get('label'))
    && anyMatches(filters.get('name'), (wanted) => name.includes(wanted))
    && anyMatches(filters.get('driver'), (driver) => spec.driver === driver)
    && anyMatches(filters.get('dangling'), (dangling) => used.has(name) !== (dangling === 'true' || dangling === '1')));
  sendJson(response, 200, { Volumes: found.map(([name, volume]) => volumeJson(name, volume)), Warnings: null });
}

/** `GET /volumes/{name}` */
export async function inspectVolume(exchange: Exchange): Promise<void> {
  const name = param(exchange, 'name');
  const volume = exchange.engine.volumes.list().get(name);
  if (volume === undefined) throw new BayplanError('not-found', `get ${name}: no such volume`);
  sendJson(exchange.response, 200, volumeJson(name, volume));
}

/** A volume as Docker shows it. */
export function volumeJson(name: string, { spec, status }: Volume): object {
  return { Name: name, Driver: spec.driver, Mountpoint: status?.mountpoint ?? '', CreatedAt: rfc3339(status?.createdAt ?? 0), Labels: spec.labels, Scope: 'local', Options: spec.driverOpts };
}
