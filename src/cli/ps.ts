import { containersPath, type ContainerSummary } from '../client/container-summary.ts';
import { EngineAbsent } from '../client/errors.ts';
import { quickGet } from '../client/quick-get.ts';
import { humanDuration } from '../state/human-duration.ts';
import { addFormat, addStackOptions, rootOf, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { stackNameOf } from './stack-name.ts';
import { table } from './table.ts';

interface PsOptions extends StackOptions { readonly all?: boolean; readonly format?: 'json' | 'table' }

export const addPs: AddCommand = (program, cli, ends) => {
  addFormat(addStackOptions(program.command('ps').description('list the stack\'s containers')))
    .option('-a, --all', 'those that do not run too')
    .action(ends(async (_own: PsOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PsOptions>();
      const root = rootOf(options, cli);
      const name = await stackNameOf(options, cli);
      const ask = async (): Promise<string> => quickGet(cli.socketOf(root), containersPath(name, options.all === true));
      const body = await ask().catch(async (error: unknown) => {
        if (!(error instanceof EngineAbsent)) throw error;
        const { startEngine } = await import('../client/start-engine.ts');
        await startEngine(root, cli.program);
        return await ask();
      });
      const found = (JSON.parse(body) as readonly ContainerSummary[]).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
      const now = Date.now();
      cli.stdout.write(options.format === 'json' ? `${JSON.stringify(found.map(record), null, 2)}\n` : table(
        ['NAME', 'IMAGE', 'COMMAND', 'SERVICE', 'CREATED', 'STATUS', 'PORTS'],
        found.map((one) => [nameOf(one), one.Image, quoted(one.Command), one.Bayplan.service, `${humanDuration(now - one.Created * 1000)} ago`, one.Status, ports(one)]),
      ));
      return 0;
    }));
};

/** An element of `ps --format json`, with docker compose's field names. */
function record(one: ContainerSummary): object {
  return {
    ID: one.Id, Name: nameOf(one), Project: one.Bayplan.stack, Service: one.Bayplan.service, Image: one.Image, Command: one.Command, CreatedAt: one.Created, State: one.State, Status: one.Status,
    Health: one.Bayplan.health === 'none' ? '' : one.Bayplan.health, ExitCode: one.Bayplan.exitCode,
    Publishers: one.Ports.map((port) => ({ URL: port.IP ?? '', TargetPort: port.PrivatePort, PublishedPort: port.PublicPort ?? 0, Protocol: port.Type })),
  };
}

function nameOf({ Names: [name = ''] }: ContainerSummary): string {
  return name.replace(/^\//, '');
}

function quoted(command: string): string {
  return JSON.stringify(command.length > 20 ? `${command.slice(0, 19)}…` : command);
}

function ports({ Ports }: ContainerSummary): string {
  return Ports.map((port) => (port.PublicPort === undefined ? `${port.PrivatePort}/${port.Type}` : `${port.IP ?? ''}:${port.PublicPort}->${port.PrivatePort}/${port.Type}`)).join(', ');
}
