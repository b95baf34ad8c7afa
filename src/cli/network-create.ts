import { keyValue, type KeyValues, label } from './key-values.ts';
import type { Invoked } from './list-options.ts';
import { networksOf } from './networks-of.ts';
import type { AddCommand } from './program.ts';
import { collect } from './program.ts';

interface Options {
  readonly driver: string;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly ipv6?: boolean;
  readonly subnet?: readonly string[];
  readonly gateway?: readonly string[];
  readonly ipRange?: readonly string[];
  readonly auxAddress?: KeyValues;
  readonly opt?: KeyValues;
  readonly label?: KeyValues;
}

export const addNetworkCreate: AddCommand = (network, cli, ends) => {
  network.command('create').description('make a network that stacks may name as external')
    .argument('<network>')
    .option('-d, --driver <driver>', 'bridge, macvlan or ipvlan', 'bridge')
    .option('--internal', 'one that leads nowhere')
    .option('--attachable', 'kept for other programs: containers may always join')
    .option('--ipv6', 'give its containers IPv6 addresses as well')
    .option('--subnet <cidr>', 'addresses of the network, may be repeated', collect)
    .option('--gateway <address>', 'gateway of the subnet in the same place, may be repeated', collect)
    .option('--ip-range <cidr>', 'part of the subnet in the same place that addresses are given from, may be repeated', collect)
    .option('--aux-address <name=address>', 'address of the first subnet that is never given, may be repeated', keyValue)
    .option('-o, --opt <key=value>', "option of the driver, as a stack file's driver_opts, may be repeated", keyValue)
    .option('--label <key=value>', 'may be repeated', label)
    .action(ends(async (name: string, options: Options, command: Invoked) => {
      const config = (options.subnet ?? []).map((subnet, index) => ({
        Subnet: subnet, Gateway: options.gateway?.[index] ?? '', IPRange: options.ipRange?.[index] ?? '', AuxiliaryAddresses: index === 0 ? options.auxAddress ?? {} : {},
      }));
      const id = await networksOf(command, cli).create({
        Name: name, Driver: options.driver, Internal: options.internal === true, Attachable: options.attachable === true, EnableIPv6: options.ipv6 === true,
        IPAM: { Config: config }, Options: options.opt ?? {}, Labels: options.label ?? {},
      });
      cli.stdout.write(`${id}\n`);
      return 0;
    }));
};
