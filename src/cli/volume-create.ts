import { keyValue, type KeyValues, label } from './key-values.ts';
import type { Invoked } from './list-options.ts';
import type { AddCommand } from './program.ts';
import { volumesOf } from './volumes-of.ts';

interface Options { readonly driver: string; readonly opt?: KeyValues; readonly label?: KeyValues }

export const addVolumeCreate: AddCommand = (volume, cli, ends) => {
  volume.command('create').description('make a volume; one of that name that is there already is left as it is')
    .argument('[volume]', 'its name (default: one that nobody has)')
    .option('-d, --driver <name>', 'who keeps it: "local"', 'local')
    .option('-o, --opt <key=value>', 'type, device or o of what is to be mounted, may be repeated', keyValue)
    .option('--label <key=value>', 'a label, may be repeated', label)
    .action(ends(async (name: string | undefined, { driver, opt, label: labels }: Options, command: Invoked) => {
      const { Name } = await volumesOf(command, cli).create({ Name: name ?? '', Driver: driver, DriverOpts: opt ?? {}, Labels: labels ?? {} });
      cli.stdout.write(`${Name}\n`);
      return 0;
    }));
};
