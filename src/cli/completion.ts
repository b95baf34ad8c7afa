import { InvalidArgumentError } from 'commander';
import { bashCompletion } from './completion-bash.ts';
import { fishCompletion } from './completion-fish.ts';
import { offersOf } from './completion-offers.ts';
import { zshCompletion } from './completion-zsh.ts';
import type { AddCommand } from './program.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };
type Shell = keyof typeof SHELLS;

export const addCompletion: AddCommand = (program, cli, ends) => {
  program.command('completion').description('print what makes a shell complete commands, options and services: `source <(bayplan completion bash)`')
    .argument('<shell>', 'bash, zsh or fish', (value: string): Shell => {
      if (value !== 'bash' && value !== 'zsh' && value !== 'fish') throw new InvalidArgumentError('Expected bash, zsh or fish.');
      return value;
    })
    .action(ends((shell: Shell) => {
      cli.stdout.write(SHELLS[shell](offersOf(program)));
      return Promise.resolve(0);
    }));
};
