import { nameOf } from '../client/container-summary.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { queryPath } from '../client/query-path.ts';
import { fields, text } from '../client/outline.ts';
import { jsonLine, textOf } from '../client/quick-request.ts';
import { clientOf } from './client-of.ts';
import { tellSteps } from './dry-run.ts';
import type { StackOptions } from './options.ts';
import { collect, type AddCommand } from './program.ts';
import { serviceContainers } from './service-containers.ts';
import { stackNameOf } from './stack-name.ts';

interface CommitOptions extends StackOptions { readonly author?: string; readonly message?: string; readonly change?: readonly string[]; readonly pause: boolean; readonly index?: string }

export const addCommit: AddCommand = (program, cli, ends) => {
  program.command('commit').description('make an image of what a service\'s container has written')
    .option('--project-name <name>', 'name of the stack').option('-f, --file <file>', 'stack file, may be repeated', collect).option('--project-directory <folder>', 'what paths in the stack file are relative to')
    .argument('<service>').argument('[image]', 'name of the image')
    .option('-a, --author <author>', 'who made it').option('-m, --message <message>', 'what it is')
    .option('-c, --change <instruction>', 'instruction of a Dockerfile that the image takes over (may be repeated)', collect)
    .option('-p, --pause', 'let the container stand still meanwhile, as it does in any case', true).option('--no-pause', 'let the container run on meanwhile').option('--index <number>', 'of this one of several containers')
    .action(ends(async (service: string, image: string | undefined, _own: CommitOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<CommitOptions>();
      const client = clientOf(options, cli);
      const stack = await stackNameOf(options, cli);
      const [container] = (await serviceContainers(stack, [service], true, client, cli)).filter(({ Bayplan }) => options.index === undefined || String(Bayplan.slot) === options.index);
      if (container === undefined) throw new BayplanError('not-found', `no container${options.index === undefined ? '' : ` ${options.index}`} of service "${service}" in stack "${stack}"`);
      if (options.dryRun === true) return tellSteps([`commit-container ${nameOf(container)}  (to ${image ?? 'an image without a name'})`], cli);
      const answer = await textOf(await client.send('POST', queryPath('/commit', {
        container: container.Id, repo: image ?? '', author: options.author ?? '', comment: options.message ?? '', pause: String(options.pause), changes: (options.change ?? []).join('\n'),
      })));
      const { Id } = jsonLine(answer, fields<{ readonly Id: string }>({ Id: text }));
      cli.stderr.write(`${nameOf(container)} commit ${nameOf(container)} Committed as ${Id}\n`);
      return 0;
    }));
};
