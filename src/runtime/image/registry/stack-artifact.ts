import type { Reference } from '../../../state/image-reference.ts';
import type { StackArtifact } from '../../../state/stack-artifact.ts';
import type { Descriptor, Manifest } from '../oci.ts';
import { bad, readTop } from './documents.ts';
import type { Repository } from './repository.ts';

const PROJECT = 'application/vnd.docker.compose.project';
/** In place of an artifact type, for registries that know none. */
const EMPTY_CONFIG = 'application/vnd.docker.compose.config.empty.v1+json';
const STACK_FILE = 'application/vnd.docker.compose.file+yaml';
const ENV_FILE = 'application/vnd.docker.compose.envfile';

const MOST_FILES = 100;
const MOST_BYTES = 16 * 2 ** 20;

/** The files of a stack that was published as an artifact, as docker compose lays them out. Throws BayplanError `bad-image` where it is something else, or has names that lead elsewhere. */
export async function fetchStackArtifact(repository: Repository, { tag, digest }: Pick<Reference, 'tag' | 'digest'>, what: string): Promise<StackArtifact> {
  const { manifest, digest: found } = await manifestOf(repository, digest === '' ? tag : digest, what);
  const layers = manifest.layers.filter(({ mediaType }) => mediaType === STACK_FILE || mediaType === ENV_FILE);
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  if (layers.length > MOST_FILES || bytes > MOST_BYTES) throw bad(what, `it has ${layers.length} files of ${bytes} bytes; a stack may have ${MOST_FILES}, of ${MOST_BYTES}`);
  const files: Record<string, Buffer> = {};
  for (const [index, layer] of layers.entries()) {
    const content = await repository.document(layer, what);
    const name = nameOf(layer, what);
    // Stack files are laid one over the other, as documents of one file.
    const between = index > 0 && layer.mediaType === STACK_FILE && layer.annotations?.['com.docker.compose.file'] !== undefined && files[name] !== undefined ? '\n---\n' : '';
    files[name] = layer.mediaType === STACK_FILE && files[name] !== undefined ? Buffer.concat([files[name], Buffer.from(between), content]) : content;
  }
  if (files['compose.yaml'] === undefined) throw bad(what, 'it has no stack file');
  return { version: 1, digest: found, files: Object.fromEntries(Object.entries(files).map(([name, content]) => [name, content.toString('base64')])) };
}

/** Of the artifact itself, or of the one that an index names. */
async function manifestOf(repository: Repository, reference: string, what: string): Promise<{ readonly manifest: Manifest; readonly digest: string }> {
  const { bytes, digest, contentType } = await repository.manifest(reference, what);
  const top = readTop(bytes, contentType, what);
  if (top.kind === 'manifest') {
    const type = artifactType(top.manifest);
    if (type === PROJECT || (type === '' && top.manifest.config.mediaType === EMPTY_CONFIG)) return { manifest: top.manifest, digest };
    throw bad(what, `it is no stack that was published, but ${type === '' ? 'an image' : type}`);
  }
  const entry = top.index.manifests.filter((one) => artifactType(one) === PROJECT).at(-1);
  if (entry === undefined) throw bad(what, 'its index names no stack that was published');
  const inner = await repository.manifest(entry.digest, what);
  const read = readTop(inner.bytes, inner.contentType, what);
  if (read.kind === 'index') throw bad(what, 'its index leads to an index');
  return { manifest: read.manifest, digest: inner.digest };
}

function artifactType(document: Manifest | Descriptor): string {
  return typeof document['artifactType'] === 'string' ? document['artifactType'] : '';
}

/** All lie in one folder. */
function nameOf({ mediaType, annotations = {}, digest }: Descriptor, what: string): string {
  if (mediaType === STACK_FILE && annotations['com.docker.compose.extends'] === undefined) return 'compose.yaml';
  const name = annotations[mediaType === STACK_FILE ? 'com.docker.compose.file' : 'com.docker.compose.envfile'];
  if (name === undefined) throw bad(what, `file ${digest} has no name`);
  if (name === '' || name === '.' || name === '..' || /[\\/\0]/.test(name) || Buffer.byteLength(name) > 255) throw bad(what, `${JSON.stringify(name)} is no name of a file in its folder`);
  return name;
}
