import { BayplanError } from '../state/bayplan-error.ts';
import type { Image } from '../state/image.ts';
import { imagesUsedBy } from '../state/images-used.ts';
import type { Desired, State } from '../state/state.ts';
import type { Wanted } from './expand.ts';
import type { Fates } from './fates.ts';

/**
 * Images that are to be pulled, in order of their names: why. One that is in the store is pulled again where its policy asks for it, also for containers that
 * run; one that is missing only where a container is to be made from it. Throws BayplanError `image-not-found` for a missing one that is never to be pulled.
 */
export function imageFates(wanted: readonly Wanted[], fates: Fates, desired: Desired, actual: State, now: number, since: number): ReadonlyMap<string, string> {
  const pulls = new Map<string, string>();
  const named = wanted.filter(({ spec: { image, imageId } }) => imageId === '' || imageId === actual.images[image]?.status?.id); // others mean an image that was kept
  const created = new Set(named.filter((one) => isNeeded(one, fates)).flatMap(({ spec }) => imagesUsedBy(spec)));
  const scheduled = Object.values(desired.services).flatMap(({ job, template }) => (job === null || template.imageId !== '' ? [] : imagesUsedBy(template))); // there when its time comes
  for (const image of scheduled) created.add(image);
  for (const name of [...new Set([...named.flatMap(({ spec }) => imagesUsedBy(spec)), ...scheduled])].sort()) {
    const spec = desired.images[name]?.spec ?? { pullPolicy: 'missing', refreshMs: 0 };
    const found = actual.images[name];
    const why = found === undefined || found.status === null ? absent(name, spec.pullPolicy, created.has(name)) : outdated(spec, found.pulledAt, now, since);
    if (why !== null) pulls.set(name, why);
  }
  return pulls;
}

/** Whether a container is made, or hooks run before its start. */
function isNeeded({ name, spec }: Wanted, fates: Fates): boolean {
  const kind = fates.wanted.get(name)?.kind;
  return kind === 'create' || (kind === 'start' && spec.preStart.length > 0);
}

function absent(name: string, policy: Image['spec']['pullPolicy'], needed: boolean): string | null {
  if (!needed) return null;
  if (policy === 'never') throw new BayplanError('image-not-found', `image ${name} is not in the store, and its pull_policy is "never": load it with "bayplan load FILE", or pull it with "bayplan pull ${name}"`);
  return 'it is not in the store';
}

function outdated({ pullPolicy, refreshMs }: Image['spec'], pulledAt: number, now: number, since: number): string | null {
  if (since <= pulledAt && pulledAt <= now) return null; // in this pass
  if (pullPolicy === 'always') return 'its pull_policy is "always"';
  if (pullPolicy !== 'refresh' || (pulledAt <= now && now < pulledAt + refreshMs)) return null;
  return pulledAt === 0 ? 'it was never pulled' : `it was last pulled at ${new Date(pulledAt).toISOString()}`;
}
