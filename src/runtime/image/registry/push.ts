import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import PQueue from 'p-queue';
import { BayplanError } from '../../../state/bayplan-error.ts';
import type { PartProgress, PartState } from '../../../state/messages.ts';
import type { Layout } from '../layout.ts';
import { MANIFEST_TYPE, type Descriptor, type Manifest } from '../oci.ts';
import { discard } from './answers.ts';
import { header, type Repository } from './repository.ts';
import { redirected } from './transport.ts';

/** Blobs that go up at the same time. */
const UPLOADS = 3;
/** Events about the bytes of one blob come no closer together. */
const EVERY_MS = 100;

export interface PushWork {
  readonly repository: Repository;
  readonly layout: Layout;
  readonly manifest: Manifest;
  readonly manifestBytes: Buffer;
  readonly manifestDigest: string;
  readonly tag: string;
  /** Other repositories of this registry that have, or may have, the image's blobs. */
  readonly siblings: readonly string[];
  /** The image, for messages. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PartProgress) => void;
}

/** Uploads what the repository does not have of an image, then its manifest, as it is stored. */
export async function pushImage(work: PushWork): Promise<void> {
  const { manifest, manifestBytes, manifestDigest, repository, tag, what, signal } = work;
  const queue = new PQueue({ concurrency: UPLOADS });
  const stop = new AbortController();
  const within = repository.within(AbortSignal.any([signal, stop.signal]));
  const blobs = new Map([...manifest.layers, manifest.config].map((blob) => [blob.digest, blob]));
  const going = [...blobs.values()].map((blob) => queue.add(async () => {
    try {
      await pushBlob({ ...work, repository: within }, blob);
    } catch (error) {
      stop.abort(error); // without this one the others are of no use
      throw error;
    }
  }));
  await Promise.allSettled(going);
  if (stop.signal.aborted) throw stop.signal.reason;
  await repository.retry(async () => {
    const answer = await repository.call('PUT', `/manifests/${tag}`, {
      scope: scopeOf(repository), headers: { 'Content-Type': manifest.mediaType ?? MANIFEST_TYPE, 'Content-Length': manifestBytes.length }, body: () => manifestBytes,
    });
    if (answer.statusCode !== 201 && answer.statusCode !== 200) throw await repository.error(answer, what);
    discard(answer, repository.limits);
    const digest = header(answer, 'docker-content-digest') ?? manifestDigest;
    if (digest !== manifestDigest) throw new BayplanError('registry-lies', `${what}: registry ${repository.endpoint.host} stored manifest ${manifestDigest} as ${digest}`);
  });
}

async function pushBlob(work: PushWork, blob: Descriptor): Promise<void> {
  const { repository, manifest, onProgress } = work;
  const tell = (state: PartState, current: number): void => {
    if (blob.digest !== manifest.config.digest) onProgress({ part: blob.digest, state, current, total: blob.size });
  };
  tell('waiting', 0);
  await repository.retry(async () => {
    if (await isThere(work, blob)) return tell('present', blob.size);
    const opened = await openUpload(work, blob);
    if (opened === 'mounted') return tell('mounted', blob.size);
    await upload(work, blob, opened, tell);
    tell('done', blob.size);
  });
}

async function isThere({ repository, what }: PushWork, { digest }: Descriptor): Promise<boolean> {
  const answer = await repository.call('HEAD', `/blobs/${digest}`, { scope: scopeOf(repository) });
  if (answer.statusCode !== 200 && answer.statusCode !== 404) throw await repository.error(answer, what);
  discard(answer, repository.limits);
  return answer.statusCode === 200;
}

/** Where the blob is to be sent; `mounted` where the registry could take it from a sibling (distribution specification, "Mounting a blob"). */
async function openUpload({ repository, siblings, what }: PushWork, { digest }: Descriptor): Promise<string> {
  for (const sibling of [...siblings, null]) {
    const query = sibling === null ? '' : `?${new URLSearchParams({ mount: digest, from: sibling })}`;
    const answer = await repository.call('POST', `/blobs/uploads/${query}`, { scope: scopeOf(repository, sibling), headers: { 'Content-Length': 0 } });
    if (answer.statusCode === 201) {
      discard(answer, repository.limits);
      return 'mounted';
    }
    // Where mounting is refused, or not allowed to this user, it is uploaded as if there were no sibling.
    if (answer.statusCode === 202) return uploadAddress(answer, repository, what);
    if (sibling === null) throw await repository.error(answer, what);
    discard(answer, repository.limits);
  }
  throw new BayplanError('registry-answer', `${what}: registry ${repository.endpoint.host} takes no uploads`);
}

function uploadAddress(answer: IncomingMessage, repository: Repository, what: string): string {
  discard(answer, repository.limits);
  const { location = '' } = answer.headers;
  if (location === '') throw new BayplanError('registry-answer', `${what}: registry ${repository.endpoint.host} does not say where to upload to`);
  return redirected(location, new URL(repository.endpoint.base)).href;
}

async function upload({ repository, layout, what }: PushWork, blob: Descriptor, address: string, tell: (state: PartState, current: number) => void): Promise<void> {
  const url = new URL(address);
  url.searchParams.set('digest', blob.digest);
  let told = 0;
  const answer = await repository.call('PUT', url.href, {
    scope: scopeOf(repository), headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': blob.size },
    body: () => {
      let sent = 0;
      return createReadStream(layout.blobPath(blob.digest)).on('data', (chunk) => {
        sent += chunk.length;
        if (performance.now() - told < EVERY_MS) return;
        told = performance.now();
        tell('uploading', sent);
      });
    },
  });
  if (answer.statusCode !== 201) throw await repository.error(answer, what);
  discard(answer, repository.limits);
}

function scopeOf({ path }: Repository, sibling: string | null = null): string {
  return `repository:${path}:pull,push${sibling === null ? '' : ` repository:${sibling}:pull`}`;
}
