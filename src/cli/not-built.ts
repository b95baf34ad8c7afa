import { BayplanError } from '../state/bayplan-error.ts';
import type { AddCommand } from './program.ts';

/** Commands of docker compose that there are none of here, and what to do instead. */
const NOT_BUILT: Readonly<Record<string, string>> = {
  build: 'images cannot be built yet: build them elsewhere, and load or pull them',
  publish: 'stacks cannot be published to a registry yet: `config --lock-image-digests` and the stack\'s own files say all that one has, and `push` its images',
  bridge: 'stacks are not turned into files of other programs: `config --format json` is the whole model for those that do',
};

/** Each refuses in one line, whatever its options are. */
export const addNotBuilt: AddCommand = (program, _cli, ends) => {
  for (const [name, why] of Object.entries(NOT_BUILT)) {
    program.command(name, { hidden: true }).argument('[words...]').allowUnknownOption().helpOption(false)
      .action(ends(() => { throw new BayplanError('not-built', `${name}: ${why}`); }));
  }
};
