import { BayplanError } from '../state/bayplan-error.ts';
import type { PassOptions } from '../state/pass-options.ts';
import type { Cli } from './cli.ts';
import { composeVariable } from './dot-env-variable.ts';
import type { StackOptions } from './options.ts';

/** COMPOSE_IGNORE_ORPHANS, of `.env` too: nobody is told of containers whose services the file no longer has. Throws `bad-request` where they are to be removed. */
export function orphansIgnored(options: StackOptions & { readonly removeOrphans?: boolean }, cli: Cli): Pick<PassOptions, 'ignoreOrphans'> {
  if (!/^(1|t|true|y|yes)$/i.test(composeVariable('COMPOSE_IGNORE_ORPHANS', options, cli) ?? '')) return {};
  if (options.removeOrphans === true) throw new BayplanError('bad-request', 'COMPOSE_IGNORE_ORPHANS and --remove-orphans cannot both be meant');
  return { ignoreOrphans: true };
}
