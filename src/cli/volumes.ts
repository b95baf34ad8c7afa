import { VolumeClient } from '../client/volume-client.ts';
import { clientOf } from './client-of.ts';
import { addStackOptions, addTemplateFormat, isFormatted, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { serviceContainers } from './service-containers.ts';
import { tellSetAside } from './set-aside.ts';
import { stackNameOf } from './stack-name.ts';
import { table } from './table.ts';
import { volumeRecord } from './volume-ls.ts';

interface VolumesOptions extends StackOptions { readonly format?: string; readonly quiet?: boolean }

export const addVolumes: AddCommand = (program, cli, ends) => {
  addTemplateFormat(addStackOptions(program.command('volumes').description('list the stack\'s volumes')))
    .argument('[service...]', 'only those that these services use').option('-q, --quiet', 'names alone')
    .action(ends(async (services: readonly string[], _own: VolumesOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<VolumesOptions>();
      const client = clientOf(options, cli);
      const stack = await stackNameOf(options, cli);
      if (services.length === 0) await tellSetAside(stack, client, cli);
      const used = services.length === 0 ? null : new Set((await serviceContainers(stack, services, true, client, cli)).flatMap(({ Mounts }) => Mounts.map(({ Name }) => Name)));
      const volumes = (await new VolumeClient(client).list({ label: [`com.docker.compose.project=${stack}`] })).filter(({ Name }) => used?.has(Name) !== false);
      if (options.quiet === true) cli.stdout.write(volumes.map(({ Name }) => `${Name}\n`).join(''));
      else if (isFormatted(options.format)) cli.stdout.write((await import('./list-format.ts')).formatted(options.format, volumes.map(volumeRecord), { titles: { Name: 'VOLUME NAME' } }));
      else cli.stdout.write(table(['DRIVER', 'VOLUME NAME'], volumes.map(({ Driver, Name }) => [Driver, Name])));
      return 0;
    }));
};
