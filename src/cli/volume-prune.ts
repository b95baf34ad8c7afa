import type { Filters } from '../client/filters-query.ts';
import { confirmed } from './confirmed.ts';
import { humanSize } from './human-size.ts';
import { addFilter, type Invoked } from './list-options.ts';
import type { AddCommand } from './program.ts';
import { volumesOf } from './volumes-of.ts';

interface Options { readonly all?: boolean; readonly force?: boolean; readonly filter?: Filters }

export const addVolumePrune: AddCommand = (volume, cli, ends) => {
  addFilter(volume.command('prune').description('remove volumes without a name of their own that no container uses'), 'label, label!')
    .option('-a, --all', 'those with names too')
    .option('-f, --force', 'do not ask')
    .action(ends(async ({ all, force, filter }: Options, command: Invoked) => {
      const what = all === true ? 'all volumes' : 'anonymous volumes';
      if (force !== true && !await confirmed(`WARNING! This will remove ${what} not used by at least one container.\nAre you sure you want to continue? [y/N] `, cli)) return 1;
      const { VolumesDeleted, SpaceReclaimed } = await volumesOf(command, cli).prune({ ...filter, ...(all === true ? { all: ['true'] } : {}) });
      if (VolumesDeleted.length > 0) cli.stdout.write(`Deleted Volumes:\n${VolumesDeleted.map((name) => `${name}\n`).join('')}\n`);
      cli.stdout.write(`Total reclaimed space: ${humanSize(SpaceReclaimed, 4)}\n`);
      return 0;
    }));
};
