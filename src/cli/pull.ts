import { InvalidArgumentError } from 'commander';
import { ImageClient } from '../client/image-client.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { imagesMeant, transferAll } from './image-transfer.ts';
import { addFileOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface PullOptions extends StackOptions { readonly quiet?: boolean; readonly includeDeps?: boolean; readonly ignorePullFailures?: boolean; readonly policy: 'always' | 'missing' }

export const addPull: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('pull').description('pull images from their registries: those of all services, or of the services and images that are named'))
    .argument('[name...]', 'services of the stack file, or images')
    .option('-q, --quiet', 'print the names of the images alone')
    .option('--include-deps', 'those too of what the services depend on').option('--ignore-pull-failures', 'pull what can be pulled, and call that success')
    .option('--ignore-buildable', 'accepted for docker compose\'s sake')
    .option('--policy <policy>', 'always, or what is missing', (value) => {
      if (value !== 'always' && value !== 'missing') throw new InvalidArgumentError('Expected always or missing.');
      return value;
    }, 'always')
    .action(ends(async (names: readonly string[], _own: PullOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PullOptions>();
      const client = clientOf(options, cli);
      const meant = await imagesMeant(names, options, cli, options.includeDeps === true);
      const images = options.policy === 'always' ? meant : await missingOf(meant, client);
      const status = await transferAll(images, (image) => client.pull(image), options.quiet === true, cli);
      return options.ignorePullFailures === true ? 0 : status;
    }));
};

async function missingOf(images: readonly string[], client: EngineClient): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const image of images) {
    await new ImageClient(client).inspect(image).catch((error: unknown) => {
      if (!(error instanceof BayplanError && error.code === 'image-not-found')) throw error;
      missing.push(image);
    });
  }
  return missing;
}
