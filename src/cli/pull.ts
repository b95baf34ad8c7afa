import { InvalidArgumentError } from 'commander';
import { ImageClient } from '../client/image-client.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { tellSteps } from './dry-run.ts';
import { imagesMeant, transferAll } from './image-transfer.ts';
import { addFileOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { progressMode, type ProgressMode } from './progress-mode.ts';

interface PullOptions extends StackOptions { readonly progress: ProgressMode; readonly quiet?: boolean; readonly includeDeps?: boolean; readonly ignorePullFailures?: boolean; readonly policy?: 'always' | 'missing' }

export const addPull: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('pull').description('pull images from their registries: those of all services, or of the services and images that are named'))
    .argument('[name...]', 'services of the stack file, or images')
    .option('--progress <how>', 'how to show what is done: auto, tty, plain, json or quiet', progressMode, 'auto')
    .option('-q, --quiet', 'print the names of the images alone')
    .option('--include-deps', 'those too of what the services depend on').option('--ignore-pull-failures', 'pull what can be pulled, and call that success')
    .option('--ignore-buildable', 'accepted for docker compose\'s sake')
    .option('--policy <policy>', 'always, or what is missing, in place of what the services say', (value) => {
      if (value !== 'always' && value !== 'missing') throw new InvalidArgumentError('Expected always or missing.');
      return value;
    })
    .action(ends(async (names: readonly string[], _own: PullOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PullOptions>();
      const client = clientOf(options, cli);
      const meant = await imagesMeant(names, options, cli, options.includeDeps === true);
      const images: string[] = [];
      for (const [image, policies] of meant) {
        const why = await reasonToSkip(image, options.policy === undefined ? policies : [options.policy], client);
        if (why === null) images.push(image);
        else if (options.quiet !== true && options.progress !== 'quiet' && options.progress !== 'json') cli.stdout.write(`${image}: Skipped: ${why}\n`);
      }
      if (options.dryRun === true) return tellSteps(images.map((image) => `pull-image ${image}  (pull was asked for)`), cli);
      const status = await transferAll(images, (image) => client.pull(image), { mode: options.progress, namesOnly: options.quiet === true }, cli);
      return options.ignorePullFailures === true ? 0 : status;
    }));
};

/** Why an image is not pulled, as docker compose has it; null where one of the policies wants it. */
async function reasonToSkip(image: string, policies: readonly string[], client: EngineClient): Promise<string | null> {
  const asking = policies.filter((policy) => !NEVER.has(policy));
  if (asking.length === 0) return `its pull_policy is "${policies.join('", "')}"`;
  return asking.every((policy) => IF_MISSING.has(policy)) && await isPresent(image, client) ? 'it is in the store' : null;
}

const NEVER: ReadonlySet<string> = new Set(['never', 'build']);
const IF_MISSING: ReadonlySet<string> = new Set(['missing', 'if_not_present']);

async function isPresent(image: string, client: EngineClient): Promise<boolean> {
  return await new ImageClient(client).inspect(image).then(() => true, (error: unknown) => {
    if (error instanceof BayplanError && error.code === 'not-found') return false;
    throw error;
  });
}
