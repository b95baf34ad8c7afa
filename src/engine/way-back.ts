import { isDeepStrictEqual } from 'node:util';
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

/** A desired state, and the configs and secrets in it that stay as they are now though what goes back wants them as they were: others want them too. */
export interface WayBack { readonly desired: Desired; readonly kept: readonly string[] }

/** What is desired now, with some services as a revision had them. What they need of networks, volumes, images and contents comes along, but for contents that a service which stays wants as they are now. */
export function withServicesOf(now: Desired, before: Former, services: readonly string[]): WayBack {
  const back = pinned(before);
  const taken = Object.fromEntries(services.flatMap((name) => (back.services[name] === undefined ? [] : [[name, back.services[name]]])));
  const namesIn = (all: Desired['services']): ReadonlySet<string> => new Set(Object.values(all).flatMap(({ template }) => template.contents.map(({ name }) => name)));
  const wanted = namesIn(taken);
  const others = namesIn(Object.fromEntries(Object.entries(now.services).filter(([name]) => taken[name] === undefined)));
  const differing = Object.entries(back.contents).filter(([name, content]) => wanted.has(name) && !isDeepStrictEqual(content, now.contents[name]));
  const isKept = ([name]: readonly [string, unknown]): boolean => others.has(name) && now.contents[name] !== undefined;
  return {
    desired: {
      ...now, services: { ...now.services, ...taken }, networks: { ...back.networks, ...now.networks }, volumes: { ...back.volumes, ...now.volumes }, images: { ...back.images, ...now.images },
      contents: { ...now.contents, ...Object.fromEntries(differing.filter((each) => !isKept(each))) },
    },
    kept: differing.filter(isKept).map(([name]) => name),
  };
}
