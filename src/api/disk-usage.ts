import { BayplanError } from '../state/bayplan-error.ts';
import { volumeUsers } from '../state/volume-users.ts';
import { sendJson } from './answer.ts';
import { actual, summary } from './container-json.ts';
import type { Exchange } from './exchange.ts';
import { imageSummaries, layerSizes } from './image-json.ts';
import { volumeJson } from './volumes.ts';

/** `GET /system/df?type=`: bytes of images, containers and volumes. */
export async function diskUsage({ engine, query, response }: Exchange): Promise<void> {
  const types = query.getAll('type');
  const unknown = types.find((type) => !['image', 'container', 'volume', 'build-cache'].includes(type));
  if (unknown !== undefined) throw new BayplanError('bad-request', `unknown object type: ${unknown}`);
  const asked = (type: string): boolean => types.length === 0 || types.includes(type);
  const { shared, total } = layerSizes(engine.images.list(), (id) => engine.images.details(id));
  const sizes = await engine.diskUsage({ containers: asked('container'), volumes: asked('volume') });
  const now = Date.now();
  const containers = [...engine.containers.list()].flatMap(([name, container]) => {
    const one = actual(engine, name, container);
    const writable = sizes.containers.get(name) ?? 0;
    return one === null ? [] : [{ ...summary(one, now), SizeRw: writable, SizeRootFs: writable + (one.image?.size ?? 0) }];
  });
  const users = volumeUsers(engine.containers.list());
  const volumes = [...engine.volumes.list()].map(([name, volume]) => ({ ...volumeJson(name, volume), UsageData: { RefCount: users.get(name)?.length ?? 0, Size: sizes.volumes.get(name) ?? -1 } }));
  sendJson(response, 200, {
    LayersSize: asked('image') ? total : 0,
    Images: asked('image') ? imageSummaries(engine, engine.images.list()).map((image) => ({ ...image, SharedSize: shared.get(image.Id) ?? 0 })) : null,
    Containers: asked('container') ? containers : null,
    Volumes: asked('volume') ? volumes : null,
    BuildCache: asked('build-cache') ? [] : null,
  });
}
