import type { Filters } from '../client/filters-query.ts';
import type { VolumeSummary } from '../client/volume-client.ts';
import { addFilter, type Invoked } from './list-options.ts';
import { addTemplateFormat, isFormatted } from './options.ts';
import type { AddCommand } from './program.ts';
import { table } from './table.ts';
import { volumesOf } from './volumes-of.ts';

interface Options { readonly quiet?: boolean; readonly filter?: Filters; readonly format?: string }

export const addVolumeList: AddCommand = (volume, cli, ends) => {
  addFilter(addTemplateFormat(volume.command('ls').alias('list').description('list volumes')), 'dangling, driver, label, name')
    .option('-q, --quiet', 'names alone')
    .action(ends(async ({ quiet, filter, format }: Options, command: Invoked) => {
      const volumes = await volumesOf(command, cli).list(filter ?? {});
      if (quiet === true) cli.stdout.write(volumes.map(({ Name }) => `${Name}\n`).join(''));
      else if (isFormatted(format)) cli.stdout.write((await import('./list-format.ts')).formatted(format, volumes.map(volumeRecord), { titles: { Name: 'VOLUME NAME' } }));
      else cli.stdout.write(table(['DRIVER', 'VOLUME NAME'], volumes.map(({ Driver, Name }) => [Driver, Name])));
      return 0;
    }));
};

/** Docker's fields, for `--format json`. */
export function volumeRecord({ Name, Driver, Mountpoint, Scope, Labels }: VolumeSummary): object {
  const labels = Object.entries(Labels ?? {}).map(([key, value]) => `${key}=${value}`).join(',');
  return { Availability: 'N/A', Driver, Group: 'N/A', Labels: labels, Links: 'N/A', Mountpoint, Name, Scope, Size: 'N/A', Status: 'N/A' };
}
