import type { Desired } from '../state/state.ts';
import type { RevisionRecord } from './stack-record.ts';

type Former = Pick<RevisionRecord, 'desired' | 'images'>;

/** What a revision desired, with the images that its names stood for then, whatever they stand for by now. */
export function pinned({ desired, images }: Former): Desired {
  return {
    ...desired,
    services: Object.fromEntries(Object.entries(desired.services).map(([name, service]) => {
      const { image, imageId } = service.template;
      return [name, { ...service, template: { ...service.template, imageId: imageId !== '' ? imageId : images[image] ?? '' } }];
    })),
  };
}

/** What is desired now, with some services as a revision had them. What they need of networks, volumes, images and contents comes along. */
export function withServicesOf(now: Desired, before: Former, services: readonly string[]): Desired {
  const back = pinned(before);
  const taken = Object.fromEntries(services.flatMap((name) => (back.services[name] === undefined ? [] : [[name, back.services[name]]])));
  const contents = new Set(Object.values(taken).flatMap(({ template }) => template.contents.map(({ name }) => name)));
  return {
    ...now, services: { ...now.services, ...taken }, networks: { ...back.networks, ...now.networks }, volumes: { ...back.volumes, ...now.volumes }, images: { ...back.images, ...now.images },
    contents: { ...now.contents, ...Object.fromEntries(Object.entries(back.contents).filter(([name]) => contents.has(name))) },
  };
}
