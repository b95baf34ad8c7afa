import { InvalidArgumentError } from 'commander';
import { BayplanError } from '../state/bayplan-error.ts';
import { nameOf } from '../client/container-summary.ts';
import { clientOf } from './client-of.ts';
import { addStackOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { runningContainer } from './running-container.ts';
import { stackNameOf } from './stack-name.ts';

interface PortOptions extends StackOptions { readonly protocol: string; readonly index?: string }

export const addPort: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('port').description('print where a port of a service is published'))
    .argument('<service>').argument('<port>', 'the container\'s', (text: string) => {
      if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new InvalidArgumentError('Expected a port number.');
      return Number(text);
    })
    .option('--protocol <protocol>', 'tcp, udp or sctp', 'tcp').option('--index <number>', 'of this one of several containers')
    .action(ends(async (service: string, port: number, _own: PortOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PortOptions>();
      const container = await runningContainer(await stackNameOf(options, cli), service, options.index, clientOf(options, cli), cli);
      const published = container.Ports.filter(({ PublicPort }) => PublicPort !== undefined);
      const found = published.find(({ PrivatePort, Type }) => PrivatePort === port && Type === options.protocol.toLowerCase());
      if (found === undefined) {
        const others = [...new Set(published.map(({ PrivatePort, PublicPort, Type }) => `${PrivatePort}/${Type} at ${PublicPort ?? 0}`))].join(', '); // each family has its line
        throw new BayplanError('not-found', `port ${port}/${options.protocol} of container ${nameOf(container)} is not published${others === '' ? '' : `: it has ${others}`}`);
      }
      const ip = found.IP ?? '';
      cli.stdout.write(`${ip.includes(':') ? `[${ip}]` : ip}:${found.PublicPort ?? 0}\n`);
      return 0;
    }));
};
