import { BayplanError } from '../state/bayplan-error.ts';
import type { Images } from '../runtime/image/images.ts';
import type { Container, ContainerSpec } from '../state/container.ts';
import { labelsOf, stateWord, type ActualContainer } from './container-json.ts';
import { exposedPorts } from './container-ports.ts';
import { anyMatches, isTrue, labelsMatch, type Filters } from './filters.ts';

export const CONTAINER_FILTERS = ['id', 'label', 'name', 'status', 'health', 'exited', 'network', 'ancestor', 'volume', 'publish', 'expose', 'before', 'since', 'is-task', 'stack', 'service'];
const STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const HEALTH = ['none', 'starting', 'healthy', 'unhealthy'];

/**
 * What passes Docker's filters of containers; beyond them `stack` and `service` look at the record's own fields. `find` throws `not-found` for a container that `before` or
 * `since` names. Throws `bad-request` for a value that can fit nothing.
 */
export function containerFilter(filters: Filters, { find, images }: { readonly find: (ref: string) => Container; readonly images: Pick<Images, 'find' | 'details'> }): (one: ActualContainer) => boolean {
  const wrong = [...check(filters, 'status', 'state', STATES), ...check(filters, 'health', 'health', HEALTH), ...(filters.get('exited') ?? []).filter((code) => !/^-?\d+$/.test(code)).map((code) => `'exited=${code}': expected a number`), ...wrongPorts(filters, 'expose'), ...wrongPorts(filters, 'publish'),
    ...(filters.get('is-task') ?? []).filter((value) => !/^(1|0|true|false)$/i.test(value)).map((value) => `'is-task=[${value}]'`)];
  if (wrong[0] !== undefined) throw new BayplanError('bad-request', `invalid filter ${wrong[0]}`);
  const madeAt = (ref: string): number => find(ref).status?.createdAt ?? 0;
  const before = (filters.get('before') ?? []).map(madeAt);
  const since = (filters.get('since') ?? []).map(madeAt);
  const ancestors = (filters.get('ancestor') ?? []).map((ref) => descends(images, ref));
  return ({ name, container, container: { identity, spec }, status, image, networks }) => labelsMatch(labelsOf({ container, image }), filters.get('label'))
    && anyMatches(filters.get('id'), (id) => status.id.startsWith(id))
    && anyMatches(filters.get('name'), (wanted) => nameMatches(name, wanted))
    && anyMatches(filters.get('status'), (word) => stateWord(status) === word)
    && anyMatches(filters.get('health'), (health) => status.health === health)
    && anyMatches(filters.get('exited'), (code) => status.phase === 'exited' && String(status.exitCode) === code)
    && anyMatches(filters.get('network'), (network) => Object.hasOwn(spec.networks, network) || spec.networkMode === network || Object.keys(spec.networks).some((each) => isIdOf(networks.get(each)?.status?.id, network.trim())))
    && (ancestors.length === 0 || ancestors.some((fits) => fits(spec)))
    && anyMatches(filters.get('volume'), (volume) => spec.mounts.some((mount) => mount.target === volume || ((mount.type === 'volume' || mount.type === 'bind') && mount.source === volume)))
    && anyMatches(filters.get('publish'), (port) => status.ports.some(({ published, protocol }) => published !== null && portFits(port, published, protocol)))
    && anyMatches(filters.get('expose'), (port) => exposedPorts({ spec }, image).some((exposed) => {
      const [number = '', protocol = 'tcp'] = exposed.split('/');
      return portFits(port, Number(number), protocol);
    }))
    && before.every((at) => status.createdAt < at) && since.every((at) => status.createdAt > at)
    && anyMatches(filters.get('is-task'), (wanted) => !isTrue(wanted)) // there are no tasks of a swarm
    && anyMatches(filters.get('stack'), (stack) => identity.stack === stack)
    && anyMatches(filters.get('service'), (service) => identity.service === service);
}

/** Whole, or its beginning. */
function isIdOf(id: string | undefined, wanted: string): boolean {
  return id !== undefined && /^[0-9a-f]+$/.test(wanted) && id.startsWith(wanted);
}

function check(filters: Filters, key: string, what: string, known: readonly string[]): readonly string[] {
  return (filters.get(key) ?? []).filter((value) => !known.includes(value)).map((value) => `'${key}=${value}': invalid value for ${what} (${value}): must be one of ${known.join(', ')}`);
}

/** Whether a container is of an image, by name or ID, or of one that begins with all its layers. */
function descends(images: Pick<Images, 'find' | 'details'>, ref: string): (spec: Pick<ContainerSpec, 'image' | 'imageId'>) => boolean {
  const ancestor = images.find(ref);
  if (ancestor === null) return ({ image, imageId }) => image === ref || imageId === ref;
  const { layers } = images.details(ancestor.id);
  const top = layers.at(-1)?.chainId;
  return ({ imageId }) => {
    if (imageId === ancestor.id) return true;
    if (top === undefined || images.find(imageId) === null) return false;
    const own = images.details(imageId).layers;
    return own.length > layers.length && own[layers.length - 1]?.chainId === top;
  };
}

const PORTS = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/;

function wrongPorts(filters: Filters, key: string): readonly string[] {
  const wrong = (value: string): boolean => {
    const [, first = '', last = first] = PORTS.exec(value) ?? [];
    return first === '' || Number(last) > 65_535 || Number(first) > Number(last);
  };
  return (filters.get(key) ?? []).filter(wrong).map((value) => `'${key}=${value}': expected a port, as 80, 80/udp or 80-90/tcp`);
}

/** `80`, `80/udp`, `80-90/tcp`. */
function portFits(wanted: string, port: number, protocol: string): boolean {
  const [, first = '', last = first, of = 'tcp'] = PORTS.exec(wanted) ?? [];
  return protocol === of && port >= Number(first || NaN) && port <= Number(last);
}

/** Docker's rule: a regular expression over the name with and without its slash; what is none is compared as text. */
function nameMatches(name: string, wanted: string): boolean {
  try {
    const pattern = new RegExp(wanted);
    return pattern.test(name) || pattern.test(`/${name}`);
  } catch {
    return name.includes(wanted);
  }
}
