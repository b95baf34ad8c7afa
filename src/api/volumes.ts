import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import { ANONYMOUS_VOLUME, type Volume } from '../state/volume.ts';
import { shownDriverOpts } from '../state/volume-options.ts';
import { volumeUsers } from '../state/volume-users.ts';
import { sendEmpty, sendJson } from './answer.ts';
import { rfc3339 } from './docker-time.ts';
import { flag, param, type Exchange } from './exchange.ts';
import { anyMatches, isTrue, labelsMatch, parseFilters } from './filters.ts';
import { readBody } from './request-body.ts';

const VolumeCreate = z.object({
  Name: z.string().nullish(),
  Driver: z.string().nullish(),
  DriverOpts: z.record(z.string(), z.string()).nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
});

/** `GET /volumes` */
export async function listVolumes({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), ['name', 'label', 'driver', 'dangling']);
  const users = volumeUsers(engine.containers.list());
  const found = [...engine.volumes.list()].filter(([name, { spec }]) => labelsMatch(spec.labels, filters.get('label'))
    && anyMatches(filters.get('name'), (wanted) => name.includes(wanted))
    && anyMatches(filters.get('driver'), (driver) => spec.driver === driver)
    && anyMatches(filters.get('dangling'), (dangling) => users.has(name) !== isTrue(dangling)));
  sendJson(response, 200, { Volumes: found.map(([name, volume]) => volumeJson(name, volume)), Warnings: null });
}

/** `GET /volumes/{name}` */
export async function inspectVolume(exchange: Exchange): Promise<void> {
  sendJson(exchange.response, 200, found(exchange, param(exchange, 'name')));
}

/** `POST /volumes/create` */
export async function createVolume(exchange: Exchange): Promise<void> {
  const { Name, Driver, DriverOpts, Labels } = await readBody(exchange.request, VolumeCreate);
  if (Driver && Driver !== 'local') throw new BayplanError('not-found', `error looking up volume plugin ${Driver}: plugin "${Driver}" not found: "local" is the one there is`);
  const name = await exchange.engine.createVolume(Name ?? '', { driver: 'local', external: false, driverOpts: DriverOpts ?? {}, labels: Labels ?? {} });
  sendJson(exchange.response, 201, found(exchange, name));
}

/** `DELETE /volumes/{name}?force=` */
export async function removeVolume(exchange: Exchange): Promise<void> {
  await exchange.engine.removeVolume(param(exchange, 'name'), flag(exchange, 'force'));
  sendEmpty(exchange.response, 204);
}

/** `POST /volumes/prune`: volumes that no container uses; those with names of their own only with the filter `all=true`. */
export async function pruneVolumes({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), ['all', 'label', 'label!']);
  const all = (filters.get('all') ?? []).some(isTrue);
  const { deleted, reclaimed } = await engine.pruneVolumes(({ spec: { labels } }) => (all || Object.hasOwn(labels, ANONYMOUS_VOLUME))
    && labelsMatch(labels, filters.get('label')) && !(filters.get('label!') ?? []).some((label) => labelsMatch(labels, [label])));
  engine.events.tell('volume', 'prune', '', { reclaimed: String(reclaimed) });
  sendJson(response, 200, { VolumesDeleted: deleted, SpaceReclaimed: reclaimed });
}

function found({ engine }: Exchange, name: string): object {
  const volume = engine.volumes.list().get(name);
  if (volume === undefined) throw new BayplanError('not-found', `get ${name}: no such volume`);
  return volumeJson(name, volume);
}

/** A volume as Docker shows it. */
export function volumeJson(name: string, { spec, status }: Volume): object {
  const options = Object.keys(spec.driverOpts).length === 0 ? null : shownDriverOpts(spec.driverOpts);
  return { Name: name, Driver: spec.driver, Mountpoint: status?.mountpoint ?? '', CreatedAt: rfc3339(status?.createdAt ?? 0), Labels: spec.labels, Scope: 'local', Options: options };
}
