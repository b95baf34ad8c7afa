import { nameOf, type ContainerSummary } from '../client/container-summary.ts';
import { ImageClient, type ImageSummary } from '../client/image-client.ts';
import { clientOf } from './client-of.ts';
import { humanSize } from './human-size.ts';
import { imageId, since } from './image-rows.ts';
import { addFormat, addStackOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { serviceContainers } from './service-containers.ts';
import { stackNameOf } from './stack-name.ts';
import { table } from './table.ts';

interface ImagesOptions extends StackOptions { readonly format?: 'json' | 'table'; readonly quiet?: boolean }

export const addImages: AddCommand = (program, cli, ends) => {
  addFormat(addStackOptions(program.command('images').description('list the images that the stack\'s containers were made from')))
    .argument('[service...]', 'only those of these services').option('-q, --quiet', 'ids alone')
    .action(ends(async (services: readonly string[], _own: ImagesOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<ImagesOptions>();
      const client = clientOf(options, cli);
      const containers = await serviceContainers(await stackNameOf(options, cli), services, true, client, cli);
      if (options.quiet === true) {
        cli.stdout.write([...new Set(containers.map(({ ImageID }) => imageId(ImageID, false).replace('sha256:', '')))].map((id) => `${id}\n`).join(''));
        return 0;
      }
      const images = new ImageClient(client);
      const known = new Map((await images.list({})).map((image) => [image.Id, image]));
      const platforms = new Map<string, string>();
      for (const id of new Set(containers.map(({ ImageID }) => ImageID))) platforms.set(id, platformOf(known.has(id) ? await images.inspect(id) : {}));
      const rows = containers.map((container) => row(container, known.get(container.ImageID), platforms.get(container.ImageID) ?? ''));
      const now = Date.now();
      cli.stdout.write(options.format === 'json'
        ? `${JSON.stringify(rows.map(({ created, ...each }) => ({ ...each, Created: new Date(created * 1000).toISOString(), LastTagTime: new Date(created * 1000).toISOString() })))}\n`
        : table(['CONTAINER', 'REPOSITORY', 'TAG', 'PLATFORM', 'IMAGE ID', 'SIZE', 'CREATED'],
          rows.map((each) => [each.ContainerName, each.Repository, each.Tag, each.Platform, imageId(each.ID, true), humanSize(each.Size), since(each.created, now)]), { least: 20 }));
      return 0;
    }));
};

interface Row { readonly ID: string; readonly ContainerName: string; readonly Repository: string; readonly Tag: string; readonly Platform: string; readonly Size: number; readonly created: number }

function row(container: ContainerSummary, image: ImageSummary | undefined, platform: string): Row {
  const name = container.Image.replace(/@sha256:[0-9a-f]{64}$/, '');
  const colon = name.lastIndexOf(':');
  const tagged = colon > name.lastIndexOf('/');
  return {
    ID: container.ImageID, ContainerName: nameOf(container), Repository: tagged ? name.slice(0, colon) : name, Tag: tagged ? name.slice(colon + 1) : name === container.Image ? 'latest' : '<none>',
    Platform: platform, Size: image?.Size ?? 0, created: image?.Created ?? 0,
  };
}

function platformOf(image: { readonly Os?: string; readonly Architecture?: string; readonly Variant?: string }): string {
  return [image.Os, image.Architecture, image.Variant].filter((part) => part !== undefined && part !== '').join('/');
}
