import { BayplanError } from '../state/bayplan-error.ts';
import type { Container } from '../state/container.ts';
import { stateWord, type ActualContainer } from './container-json.ts';
import { anyMatches, isTrue, labelsMatch, type Filters } from './filters.ts';

export const CONTAINER_FILTERS = ['id', 'label', 'name', 'status', 'health', 'exited', 'network', 'ancestor', 'volume', 'publish', 'expose', 'before', 'since', 'is-task', 'stack', 'service'];
const STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const HEALTH = ['none', 'starting', 'healthy', 'unhealthy'];

/**
 * What passes Docker's filters of containers; beyond them `stack` and `service` look at the record's own fields. `find` throws `not-found` for a container that `before` or
 * `since` names. Throws `bad-request` for a value that can fit nothing.
 */
export function containerFilter(filters: Filters, find: (ref: string) => Container): (one: ActualContainer) => boolean {
  const wrong = [...check(filters, 'status', 'state', STATES), ...check(filters, 'health', 'health', HEALTH), ...(filters.get('exited') ?? []).filter((code) => !/^-?\d+$/.test(code)).map((code) => `'exited=${code}': expected a number`)];
  if (wrong[0] !== undefined) throw new BayplanError('bad-request', `invalid filter ${wrong[0]}`);
  const madeAt = (ref: string): number => find(ref).status?.createdAt ?? 0;
  const before = (filters.get('before') ?? []).map(madeAt);
  const since = (filters.get('since') ?? []).map(madeAt);
  return ({ name, container: { identity, spec }, status, image }) => labelsMatch(spec.labels, filters.get('label'))
    && anyMatches(filters.get('id'), (id) => status.id.startsWith(id))
    && anyMatches(filters.get('name'), (wanted) => nameMatches(name, wanted))
    && anyMatches(filters.get('status'), (word) => stateWord(status) === word)
    && anyMatches(filters.get('health'), (health) => status.health === health)
    && anyMatches(filters.get('exited'), (code) => status.phase === 'exited' && String(status.exitCode) === code)
    && anyMatches(filters.get('network'), (network) => Object.hasOwn(spec.networks, network) || spec.networkMode === network)
    && anyMatches(filters.get('ancestor'), (ref) => spec.image === ref || spec.imageId === ref || (/^(sha256:)?[0-9a-f]{12,}$/.test(ref) && spec.imageId.replace('sha256:', '').startsWith(ref.replace('sha256:', ''))))
    && anyMatches(filters.get('volume'), (volume) => spec.mounts.some((mount) => mount.target === volume || (mount.type === 'volume' && mount.source === volume)))
    && anyMatches(filters.get('publish'), (port) => status.ports.some(({ published, protocol }) => published !== null && portFits(port, published, protocol)))
    && anyMatches(filters.get('expose'), (port) => [...spec.ports.map(({ target, protocol }) => `${target}/${protocol}`), ...(image?.config.exposedPorts ?? [])].some((exposed) => {
      const [number = '', protocol = 'tcp'] = exposed.split('/');
      return portFits(port, Number(number), protocol);
    }))
    && before.every((at) => status.createdAt < at) && since.every((at) => status.createdAt > at)
    && anyMatches(filters.get('is-task'), (wanted) => !isTrue(wanted)) // there are no tasks of a swarm
    && anyMatches(filters.get('stack'), (stack) => identity.stack === stack)
    && anyMatches(filters.get('service'), (service) => identity.service === service);
}

function check(filters: Filters, key: string, what: string, known: readonly string[]): readonly string[] {
  return (filters.get(key) ?? []).filter((value) => !known.includes(value)).map((value) => `'${key}=${value}': invalid value for ${what} (${value}): must be one of ${known.join(', ')}`);
}

/** `80`, `80/udp`, `80-90/tcp`. */
function portFits(wanted: string, port: number, protocol: string): boolean {
  const [, first = '', last = first, of = 'tcp'] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(wanted) ?? [];
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
