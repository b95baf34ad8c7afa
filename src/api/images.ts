import { arch } from 'node:os';
import type { ImageStatus } from '../state/image.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { familiarReference, repositoryOf } from '../state/image-reference.ts';
import { sendJson } from './answer.ts';
import { rfc3339 } from './docker-time.ts';
import { param, type Exchange } from './exchange.ts';
import { anyMatches, labelsMatch, parseFilters } from './filters.ts';

/** `GET /images/json` */
export async function listImages({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), ['reference', 'label', 'dangling']);
  const users = new Map<string, number>();
  for (const { spec } of engine.containers.list().values()) users.set(spec.imageId, (users.get(spec.imageId) ?? 0) + 1);
  const images = engine.images.list().map(({ references, image }) => ({
    Id: image.id, ParentId: '', RepoTags: references.map(familiarReference), RepoDigests: repoDigests(references, image), Created: Math.floor(image.createdAt / 1000),
    Size: image.size, SharedSize: -1, Labels: image.config.labels, Containers: users.get(image.id) ?? 0,
  }));
  sendJson(response, 200, images.filter(({ RepoTags, Labels }) => labelsMatch(Labels, filters.get('label'))
    && anyMatches(filters.get('reference'), (wanted) => RepoTags.some((tag) => referenceFits(tag, wanted)))
    && anyMatches(filters.get('dangling'), (dangling) => (RepoTags.length === 0) === (dangling === 'true' || dangling === '1'))));
}

/** `GET /images/{name}/json`; the name may hold slashes. */
export async function inspectImage(exchange: Exchange): Promise<void> {
  const { engine, response } = exchange;
  const name = param(exchange, '*').replace(/\/json$/, '');
  const image = engine.images.find(name);
  if (image === null) throw new BayplanError('not-found', `No such image: ${name}`);
  const references = engine.images.list().find((entry) => entry.image.id === image.id)?.references ?? [];
  const { config } = image;
  const { healthcheck } = config;
  sendJson(response, 200, {
    Id: image.id, RepoTags: references.map(familiarReference), RepoDigests: repoDigests(references, image), Parent: '', Comment: '', Created: rfc3339(image.createdAt), Author: '',
    Architecture: arch() === 'x64' ? 'amd64' : arch(), Os: 'linux', Size: image.size, GraphDriver: { Name: 'overlay', Data: null }, RootFS: { Type: 'layers' }, Metadata: { LastTagTime: rfc3339(0) },
    Config: {
      User: config.user, Env: config.environment, Cmd: config.command, Entrypoint: config.entrypoint.length === 0 ? null : config.entrypoint, WorkingDir: config.workingDir, Labels: config.labels,
      ...(config.stopSignal === '' ? {} : { StopSignal: config.stopSignal }), ExposedPorts: keys(config.exposedPorts), Volumes: config.volumes.length === 0 ? null : keys(config.volumes),
      ...(healthcheck === null ? {} : { Healthcheck: { Test: healthcheck.test, Interval: healthcheck.intervalMs * 1e6, Timeout: healthcheck.timeoutMs * 1e6, StartPeriod: healthcheck.startPeriodMs * 1e6, Retries: healthcheck.retries } }),
    },
  });
}

/** `POST /images/load`: the body is the archive. The answer comes when all of it is stored, so that a failure has a status of its own. */
export async function loadImages({ engine, request, response }: Exchange): Promise<void> {
  const references = await engine.images.load(request);
  const lines = references.map((reference) => `${JSON.stringify({ stream: `Loaded image${reference.startsWith('sha256:') ? ' ID' : ''}: ${familiarReference(reference)}\n` })}\n`).join('');
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(lines);
}

function repoDigests(references: readonly string[], image: ImageStatus): readonly string[] {
  return [...new Set(references.map((reference) => `${familiarReference(repositoryOf(reference))}@${image.digest}`))];
}

function referenceFits(tag: string, wanted: string): boolean {
  const pattern = new RegExp(`^${wanted.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`);
  return pattern.test(tag) || pattern.test(repositoryOf(tag));
}

function keys(names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
