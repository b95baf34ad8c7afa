import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ArchiveClient } from '../client/archive-client.ts';
import { nameOf } from '../client/container-summary.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { tellSteps } from './dry-run.ts';
import { addStackOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { serviceContainers } from './service-containers.ts';
import { stackNameOf } from './stack-name.ts';

interface ExportOptions extends StackOptions { readonly output?: string; readonly index?: string }

export const addExport: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('export').description('write the files of a service\'s container, without its volumes, as a tar archive'))
    .argument('<service>')
    .option('-o, --output <file>', 'to this file (default: the standard output)').option('--index <number>', 'of this one of several containers')
    .action(ends(async (service: string, _own: ExportOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<ExportOptions>();
      if (options.output === undefined && cli.stdout.isTTY === true && options.dryRun !== true) throw new BayplanError('bad-request', 'an archive is not for a terminal: name a file with -o, or redirect the output');
      const client = clientOf(options, cli);
      const stack = await stackNameOf(options, cli);
      const [container] = (await serviceContainers(stack, [service], true, client, cli)).filter(({ Bayplan }) => options.index === undefined || String(Bayplan.slot) === options.index);
      if (container === undefined) throw new BayplanError('not-found', `no container${options.index === undefined ? '' : ` ${options.index}`} of service "${service}" in stack "${stack}"`);
      if (options.dryRun === true) return tellSteps([`export-container ${nameOf(container)}  (to ${options.output ?? 'the standard output'})`], cli);
      const archive = await new ArchiveClient(client).export(container.Id);
      if (options.output === undefined) {
        await pipeline(archive, cli.stdout, { end: false });
        return 0;
      }
      const file = resolve(cli.cwd, options.output);
      try {
        await pipeline(archive, createWriteStream(file));
      } catch (error) {
        await rm(file, { force: true }); // half an archive is none
        throw new BayplanError('write-failed', `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
      }
      cli.stderr.write(`${nameOf(container)} export ${nameOf(container)} to ${options.output} Exported\n`);
      return 0;
    }));
};
