import { ImageClient } from '../client/image-client.ts';
import type { Project, ServiceConfig } from '../stack/index.ts';
import { parseReference } from '../state/image-reference.ts';
import { clientOf } from './client-of.ts';
import type { Cli } from './cli.ts';

/**
 * The project with the digests that its images have at their registries by now, as docker compose writes them: by the whole name. Images of hooks too, and such as are mounted. The engine asks for what has no
 * digest yet, with its mirrors and the user's credentials, each name once.
 */
export async function withPinnedImages(project: Project, options: { readonly root?: string }, cli: Cli): Promise<Project> {
  const images = new ImageClient(clientOf(options, cli));
  const asked = new Map<string, Promise<string>>();
  const pinned = async (image: string): Promise<string> => {
    const { domain, path, tag, digest } = parseReference(image);
    if (digest !== '') return `${domain}/${path}@${digest}`;
    const known = asked.get(image) ?? images.digest(image);
    asked.set(image, known);
    return `${domain}/${path}:${tag}@${await known}`;
  };
  return { ...project, services: Object.fromEntries(await Promise.all(Object.entries(project.services).map(async ([name, service]) => [name, await pin(service, project, pinned)] as const))) };
}

/** That of an image's mount may be another service's name. */
async function pin(service: ServiceConfig, { services }: Project, pinned: (image: string) => Promise<string>): Promise<ServiceConfig> {
  const { image = '', pre_start: hooks, volumes } = service;
  return {
    ...service,
    ...(image === '' ? {} : { image: await pinned(image) }),
    ...(hooks === undefined ? {} : { pre_start: await Promise.all(hooks.map(async (hook) => ((hook.image ?? '') === '' ? hook : { ...hook, image: await pinned(hook.image ?? '') }))) }),
    ...(volumes === undefined ? {} : { volumes: await Promise.all(volumes.map(async (volume) => (volume.type !== 'image' || (volume.source ?? '') === '' || services[volume.source ?? ''] !== undefined ? volume : { ...volume, source: await pinned(volume.source ?? '') }))) }),
  };
}

/** What is to be laid over the stack's own files so that they mean these images: nothing but them. */
export function imagesAlone(project: Project): Project {
  const services = Object.entries(project.services).map(([name, { image = '', volumes = [] }]): [string, ServiceConfig] => {
    const mounted = volumes.filter(({ type }) => type === 'image');
    return [name, { ...(image === '' ? {} : { image }), ...(mounted.length === 0 ? {} : { volumes: mounted }) }];
  });
  return { ...project, name: '', services: Object.fromEntries(services), networks: {}, volumes: {}, secrets: {}, configs: {}, models: {}, extensions: {} };
}
