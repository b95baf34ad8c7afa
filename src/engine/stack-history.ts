import { revisionDiff } from '../plan/revision-diff.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { RevisionAnswer } from '../state/messages.ts';
import type { PassOptions } from '../state/pass-options.ts';
import type { Desired } from '../state/state.ts';
import type { EngineParts } from './engine-parts.ts';
import { REASON, type RevisionRecord } from './stack-record.ts';
import { pinned } from './way-back.ts';

/** What was desired of stacks, revision by revision. All that takes a stack's name throws BayplanError `not-found`. */
export class StackHistory {
  readonly #parts: Pick<EngineParts, 'stacks' | 'containers' | 'images'>;

  constructor(parts: Pick<EngineParts, 'stacks' | 'containers' | 'images'>) {
    this.#parts = parts;
  }

  /** All revisions that are kept, the current one last. */
  revisions(name: string): readonly RevisionRecord[] {
    const now = this.#parts.stacks.get(name);
    if (now === null) throw new BayplanError('not-found', `no such stack: ${name}`);
    return [...this.#parts.stacks.former(name).filter(({ revision }) => revision < now.revision), { ...now, images: this.imagesOf(name, now.desired) }];
  }

  revision(name: string, revision: number): RevisionRecord {
    const all = this.revisions(name);
    const found = all.find((each) => each.revision === revision);
    if (found === undefined) throw new BayplanError('not-found', `stack ${name} has no revision ${revision}; kept are ${all.map((each) => each.revision).join(', ')}`);
    return found;
  }

  /** The latest one before the current one that desired anything else. */
  before(name: string): RevisionRecord {
    const all = this.revisions(name);
    const now = all.at(-1);
    const wanted = now === undefined ? null : pinned(now);
    const found = all.slice(0, -1).findLast((one) => wanted !== null && revisionDiff(pinned(one), wanted).length > 0);
    if (found === undefined) throw new BayplanError('not-found', `stack ${name} has no revision before this one (${now?.revision ?? 0}) that is any different`);
    return found;
  }

  /** What people are shown, latest first. */
  list(name: string): readonly RevisionAnswer[] {
    const all = this.revisions(name);
    const desired = all.map(pinned); // an image that took another's name is a change too
    return all.map(({ revision, at, title: said }, index): RevisionAnswer => {
      const [title = '', ...reason] = said.split(REASON);
      const why = reason.join(REASON);
      const [before, now] = [desired[index - 1], desired[index]];
      return { version: 1, revision, at, title, ...(why === '' ? {} : { why }), current: index === all.length - 1, changes: before === undefined || now === undefined ? [] : revisionDiff(before, now) };
    }).reverse();
  }

  /** What has changed from one revision to another, a line each. */
  diff(name: string, from: number, to: number): readonly string[] {
    return revisionDiff(pinned(this.revision(name, from)), pinned(this.revision(name, to)));
  }

  /** Whether the name of an image that a service asks for stands for another one than a container of it was made from: what is asked for is another state then, though the file is the same. */
  hasMoved(name: string, { services }: Desired, { only, recreate }: Pick<PassOptions, 'only' | 'recreate'>): boolean {
    if (recreate === 'never') return false;
    return [...this.#parts.containers.list().values()].some(({ identity, spec }) => {
      const template = identity.owner === 'stack' && identity.stack === name && only?.includes(identity.service) !== false ? services[identity.service]?.template : undefined;
      if (template === undefined || template.imageId !== '' || template.image !== spec.image || spec.imageId === '') return false;
      return (this.#parts.images.find(spec.image)?.id ?? spec.imageId) !== spec.imageId;
    });
  }

  /** What the names of images in a desired state stand for: what its containers were made from, else what the store says. */
  imagesOf(name: string, { images, services }: Desired): Record<string, string> {
    const made = [...this.#parts.containers.list().values()].filter(({ identity }) => identity.owner === 'stack' && identity.stack === name);
    const pins = new Map(Object.values(services).flatMap(({ template: { image, imageId } }) => (imageId === '' ? [] : [[image, imageId]])));
    return Object.fromEntries(Object.keys(images).flatMap((reference) => {
      const id = pins.get(reference) ?? made.find((container) => container.spec.image === reference)?.spec.imageId ?? this.#parts.images.find(reference)?.id ?? '';
      return id === '' ? [] : [[reference, id]];
    }));
  }
}
