import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { arch } from 'node:process';
import { INDEX_TYPE, MANIFEST_TYPE } from '../../src/runtime/image/oci.ts';
import { sha256 } from '../runtime/image/tar-bytes.ts';

export interface SeenRequest { readonly method: string; readonly path: string; readonly authorization: string | undefined; readonly range: string | undefined }

export interface FakeImage {
  readonly layers: readonly Buffer[];
  /** Of the uncompressed layers, where they are something else, or to lie. */
  readonly diffIds?: readonly string[];
  /** Changes the manifest, to lie. */
  readonly change?: (manifest: FakeManifest) => object;
}

interface FakeDescriptor { mediaType: string; digest: string; size: number }
export interface FakeManifest { schemaVersion: number; mediaType: string; config: FakeDescriptor; layers: FakeDescriptor[] }

/** A registry in memory that serves what it is given, honest or not. `intercept` may answer a request in its place, and then says so. */
export class FakeRegistry {
  readonly blobs = new Map<string, Buffer>();
  /** By tag and by digest. */
  readonly manifests = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  readonly seen: SeenRequest[] = [];
  intercept: (request: IncomingMessage, response: ServerResponse, serve: () => void) => boolean = () => false;
  readonly #server = createServer((request, response) => {
    this.seen.push({ method: request.method ?? '', path: request.url ?? '', authorization: request.headers.authorization, range: request.headers.range });
    if (!this.intercept(request, response, () => this.#serve(request, response))) this.#serve(request, response);
  });

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests for blobs, or for one. */
  blobRequests(digest = ''): readonly SeenRequest[] {
    return this.seen.filter(({ path }) => path.includes(`/blobs/${digest}`));
  }

  /** Adds an image; answers the descriptor of its manifest, and those of its layers. */
  add(tag: string, { layers, diffIds, change = (manifest) => manifest }: FakeImage): { readonly manifest: FakeDescriptor; readonly layers: readonly FakeDescriptor[] } {
    const config = Buffer.from(JSON.stringify({ architecture: platform(), os: 'linux', config: { Cmd: ['true'] }, rootfs: { type: 'layers', diff_ids: diffIds ?? layers.map(sha256) } }));
    const descriptors = layers.map((bytes) => this.#blob(bytes, 'application/vnd.oci.image.layer.v1.tar+gzip'));
    const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config: this.#blob(config, 'application/vnd.oci.image.config.v1+json'), layers: descriptors };
    return { manifest: this.addManifest(tag, MANIFEST_TYPE, change(manifest)), layers: descriptors };
  }

  addIndex(tag: string, manifests: readonly object[]): FakeDescriptor {
    return this.addManifest(tag, INDEX_TYPE, { schemaVersion: 2, mediaType: INDEX_TYPE, manifests });
  }

  addManifest(tag: string, type: string, content: object): FakeDescriptor {
    const bytes = Buffer.from(JSON.stringify(content));
    const digest = sha256(bytes);
    for (const reference of [tag, digest]) this.manifests.set(reference, { type, bytes });
    return { mediaType: type, digest, size: bytes.length };
  }

  #blob(bytes: Buffer, mediaType: string): FakeDescriptor {
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const [, kind, reference = ''] = /\/(manifests|blobs)\/([^/?]+)$/.exec(request.url ?? '') ?? [];
    const manifest = kind === 'manifests' ? this.manifests.get(reference) : undefined;
    const bytes = manifest?.bytes ?? (kind === 'blobs' ? this.blobs.get(reference) : undefined);
    if (bytes === undefined) {
      response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from === 0 ? 200 : 206, {
      'Content-Type': manifest?.type ?? 'application/octet-stream', 'Content-Length': bytes.length - from, 'Docker-Content-Digest': kind === 'manifests' ? sha256(bytes) : reference,
      ...(from === 0 ? {} : { 'Content-Range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    response.end(request.method === 'HEAD' ? undefined : bytes.subarray(from));
  }
}

export function platform(): string {
  return arch === 'x64' ? 'amd64' : arch;
}
