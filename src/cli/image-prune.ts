import type { Filters } from '../client/filters-query.ts';
import { confirmed } from './confirmed.ts';
import { humanSize } from './human-size.ts';
import { imagesOf } from './image-options.ts';
import { addFilter, type Invoked } from './list-options.ts';
import type { AddCommand } from './program.ts';
import { removalLine } from './removal-line.ts';

interface Options { readonly all?: boolean; readonly force?: boolean; readonly filter?: Filters }

export const addImagePrune: AddCommand = (image, cli, ends) => {
  addFilter(image.command('prune').description('remove images without a name that no container was made from'), 'until, label, label!')
    .option('-a, --all', 'those with names too')
    .option('-f, --force', 'do not ask')
    .action(ends(async ({ all, force, filter }: Options, command: Invoked) => {
      const what = all === true ? 'all images that no container was made from' : 'all images without a name';
      if (force !== true && !await confirmed(`WARNING! This will remove ${what}.\nAre you sure you want to continue? [y/N] `, cli)) return 1;
      const { ImagesDeleted, SpaceReclaimed } = await imagesOf(command, cli).prune({ ...filter, dangling: [String(all !== true)] });
      if (ImagesDeleted !== null) cli.stdout.write(`Deleted Images:\n${ImagesDeleted.map((removal) => `${removalLine(removal).replace(/^./, (letter) => letter.toLowerCase())}\n`).join('')}\n`);
      cli.stdout.write(`Total reclaimed space: ${humanSize(SpaceReclaimed, 4)}\n`);
      return 0;
    }));
};
