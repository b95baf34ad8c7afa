import { imagesOf } from './image-options.ts';
import type { Invoked } from './list-options.ts';
import type { AddCommand } from './program.ts';

export const addImageTag: AddCommand = (image, cli, ends) => {
  image.command('tag').description('give an image another name')
    .argument('<image>', 'its name or ID').argument('<name>', 'NAME[:TAG]')
    .action(ends(async (name: string, target: string, _own: object, command: Invoked) => {
      await imagesOf(command, cli).tag(name, target);
      return 0;
    }));
};
