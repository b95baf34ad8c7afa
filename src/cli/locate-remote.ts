import type { Located, Remote } from '../stack/remote.ts';
import type { Cli } from './cli.ts';
import { gitCheckout } from './git-checkout.ts';

/** Brings a stack file that is elsewhere to this machine. */
export function locateRemote(remote: Remote, cli: Cli): Located {
  if (remote.kind === 'git') return gitCheckout(remote, cli.env);
  return { problem: `oci://${remote.reference}: stack files from a registry are not built yet; use git, or copy the file here` };
}
