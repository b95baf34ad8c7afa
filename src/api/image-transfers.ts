import { familiarReference, normalizeReference, parseReference, repositoryOf } from '../state/image-reference.ts';
import type { PartProgress, PartState } from '../state/messages.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { registryHost } from '../state/registry-credentials.ts';
import { sendJson } from './answer.ts';
import { param, type Exchange } from './exchange.ts';
import { importImage } from './import-image.ts';
import { isOwnPlatform, OWN_PLATFORM, platformMistake } from './platform.ts';
import { ProgressStream } from './progress-stream.ts';
import { allCredentials, AuthConfig, imageCredentials } from './registry-auth.ts';
import { readBody } from './request-body.ts';

const PULL_WORDS: Readonly<Partial<Record<PartState, string>>> = {
  waiting: 'Pulling fs layer', present: 'Already exists', downloading: 'Downloading', retrying: 'Retrying', unpacking: 'Extracting', done: 'Pull complete',
};
const PUSH_WORDS: Readonly<Partial<Record<PartState, string>>> = {
  waiting: 'Preparing', present: 'Layer already exists', mounted: 'Mounted from another repository', uploading: 'Pushing', done: 'Pushed',
};

/** `POST /images/create?fromImage&tag`: pulls, or with `fromSrc` imports; all tags, where none is given. A failure has a status of its own as long as nothing was told of progress. */
export async function pullImage(exchange: Exchange): Promise<void> {
  const { engine, query, response, gone } = exchange;
  const platform = query.get('platform') ?? '';
  const mistake = platform === '' ? null : platformMistake(platform);
  if (mistake !== null) throw new BayplanError('bad-request', mistake);
  if (!isOwnPlatform(platform)) throw new BayplanError('not-built', `platform ${platform}: images for other machines than ${OWN_PLATFORM} are neither pulled nor imported`);
  if (query.get('fromSrc')) return await importImage(exchange);
  const reference = named(query.get('fromImage') ?? '', query.get('tag') ?? '');
  const credentials = imageCredentials(exchange, reference);
  const all = repositoryOf(reference) === reference;
  const references = all ? (await engine.images.tags(reference, { credentials, signal: gone })).map((tag) => `${reference}:${tag}`) : [reference];
  if (references.length === 0) throw new BayplanError('image-not-found', `image ${reference}: its registry has no tag of it`);
  const stream = new ProgressStream(response, references.slice(0, 1).map(pulling));
  await stream.run(async () => {
    let changed = false;
    for (const [position, each] of references.entries()) {
      if (position > 0) stream.write(pulling(each));
      const pulled = await engine.images.pull(each, { credentials, signal: gone, onProgress: (progress) => stream.write(line(progress, PULL_WORDS)) });
      stream.write({ status: `Digest: ${pulled.digest}` });
      changed ||= pulled.changed;
    }
    stream.write({ status: `Status: ${changed ? 'Downloaded newer image' : 'Image is up to date'} for ${familiarReference(all ? repositoryOf(normalizeReference(reference)) : normalizeReference(reference))}` });
  });
}

function pulling(reference: string): object {
  const { path, tag, digest } = parseReference(reference);
  return { status: `Pulling from ${path}`, id: digest === '' ? tag : digest };
}

/** `GET /stack-artifacts?reference=NAME`: the files of a stack that was published. */
export async function getStackArtifact(exchange: Exchange): Promise<void> {
  const { engine, query, response, gone } = exchange;
  const reference = named(query.get('reference') ?? '', '');
  sendJson(response, 200, await engine.images.stackArtifact(reference, { credentials: allCredentials(exchange), signal: gone }));
}

/** `POST /images/{name}/push?tag` */
export async function pushImage(exchange: Exchange): Promise<void> {
  const { engine, query, response, gone } = exchange;
  const reference = named(param(exchange, 'name'), query.get('tag') ?? '');
  const { tag } = parseReference(reference);
  const stream = new ProgressStream(response, [{ status: `The push refers to repository [${repositoryOf(reference)}]` }]);
  await stream.run(async () => {
    const pushed = await engine.images.push(reference, { credentials: imageCredentials(exchange, reference), signal: gone, onProgress: (progress) => stream.write(line(progress, PUSH_WORDS)) });
    stream.write({ status: `${tag}: digest: ${pushed.digest} size: ${pushed.size}` });
    stream.write({ progressDetail: {}, aux: { Tag: tag, Digest: pushed.digest, Size: pushed.size } });
  });
}

/** `GET /distribution/{name}/json`: what the name stands for at its registry. */
export async function describeImage(exchange: Exchange): Promise<void> {
  const reference = named(param(exchange, 'name'), '');
  const { digest, mediaType, size, platforms } = await exchange.engine.images.describe(reference, { credentials: imageCredentials(exchange, reference), signal: exchange.gone });
  sendJson(exchange.response, 200, { Descriptor: { mediaType, digest, size }, Platforms: platforms });
}

/** `POST /auth`: whether a registry takes these credentials. */
export async function checkAuth({ engine, request, response, gone }: Exchange): Promise<void> {
  const { serveraddress, ...credentials } = await readBody(request, AuthConfig);
  await engine.images.verify(registryHost(serveraddress), credentials, gone);
  sendJson(response, 200, { Status: 'Login Succeeded', IdentityToken: '' });
}

/** A name and a tag, which may be a digest, or stand in the name already. */
function named(name: string, tag: string): string {
  if (name === '') throw new BayplanError('bad-request', 'the name of the image is missing');
  const whole = tag === '' ? name : `${name}${tag.startsWith('sha256:') ? '@' : ':'}${tag}`;
  parseReference(whole);
  return whole;
}

function line({ part, state, current, total, why }: PartProgress, words: Readonly<Partial<Record<PartState, string>>>): object {
  if (part === '') return { status: `Retrying: ${why ?? ''}` };
  const counted = state === 'downloading' || state === 'uploading';
  return { status: why === undefined ? (words[state] ?? state) : `Retrying: ${why}`, progressDetail: counted ? { current, total } : {}, id: part.slice('sha256:'.length, 'sha256:'.length + 12) };
}
