import type { Images } from '../runtime/image/images.ts';
import { familiarReference, normalizeReference } from '../state/image-reference.ts';
import type { EventLog } from './event-log.ts';

/** The images, with each change of them in the engine's events, in Docker's words. */
export function toldImages(images: Images, events: Pick<EventLog, 'tell'>): Images {
  const tell = (action: string, id: string, name: string = id): void => events.tell('image', action, id, { name });
  const named = (action: string, reference: string, name = familiarReference(normalizeReference(reference))): void => tell(action, images.find(reference)?.id ?? '', name);
  const gone = ({ untagged, deleted }: Awaited<ReturnType<Images['remove']>>, id: string): void => {
    for (const name of untagged) tell('untag', id === '' ? name : id);
    for (const each of deleted) if (!images.list().some(({ image }) => image.id === each)) tell('delete', each);
  };
  return {
    find: (reference) => images.find(reference), list: () => images.list(), details: (reference) => images.details(reference), layers: (id) => images.layers(id), pulledAt: (reference) => images.pulledAt(reference),
    tags: (reference, options) => images.tags(reference, options), describe: (reference, options) => images.describe(reference, options), stackArtifact: (reference, options) => images.stackArtifact(reference, options), verify: (host, credentials, signal) => images.verify(host, credentials, signal), sweep: () => images.sweep(),
    pull: async (reference, options) => {
      const pulled = await images.pull(reference, options);
      const name = familiarReference(normalizeReference(reference));
      events.tell('image', 'pull', name, { name });
      return pulled;
    },
    push: async (reference, options) => {
      const pushed = await images.push(reference, options);
      const name = familiarReference(normalizeReference(reference));
      events.tell('image', 'push', name, { name });
      return pushed;
    },
    commit: (request) => images.commit(request),
    import: async (request) => {
      const id = await images.import(request);
      tell('import', id);
      return id;
    },
    load: async (archive) => {
      const references = await images.load(archive);
      for (const id of new Set(references.map((reference) => images.find(reference)?.id ?? reference))) tell('load', id);
      return references;
    },
    save: async (references) => {
      const archive = await images.save(references);
      for (const id of new Set(references.map((reference) => images.find(reference)?.id ?? reference))) tell('save', id);
      return archive;
    },
    tag: async (image, reference) => {
      await images.tag(image, reference);
      named('tag', reference);
    },
    remove: async (reference, force) => {
      const { id = '' } = images.find(reference) ?? {};
      const removed = await images.remove(reference, force);
      gone(removed, id);
      return removed;
    },
    prune: async (fits) => {
      const removed = await images.prune(fits);
      gone(removed, '');
      events.tell('image', 'prune', '', { reclaimed: String(removed.reclaimed) });
      return removed;
    },
  };
}
