import type { Located, Remote } from '../stack/remote.ts';
import type { Cli } from './cli.ts';
import { gitCheckout } from './git-checkout.ts';
import { ociArtifact } from './oci-artifact.ts';
import type { StackOptions } from './options.ts';

/** Brings a stack file that is elsewhere to this machine. */
export function locateRemote(remote: Remote, options: Pick<StackOptions, 'root'>, cli: Cli): Located {
  return remote.kind === 'git' ? gitCheckout(remote, cli.env) : ociArtifact(remote.reference, options, cli);
}
