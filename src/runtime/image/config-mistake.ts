import { isAbsolute } from 'node:path/posix';
import type { ConfigFile } from './config.ts';
import { exposedPorts } from '../../state/exposed-ports.ts';
import { architecture } from './platform.ts';

/** What uname(2) calls them, and images made by hand. */
const ALIASES: Readonly<Record<string, string>> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64' };

/** Why no container can be made here from an image of this config, or null where one can. */
export function configMistake({ os = 'linux', architecture: machine = architecture(), config }: ConfigFile): string | null {
  if (os !== 'linux' || (ALIASES[machine] ?? machine) !== architecture()) return `it is for ${os}/${machine}, this machine is linux/${architecture()}`;
  const volume = Object.keys(config?.Volumes ?? {}).find((target) => !isAbsolute(target));
  if (volume !== undefined) return `its volume ${JSON.stringify(volume)} is not an absolute path`;
  const port = Object.keys(config?.ExposedPorts ?? {}).find((key) => exposedPorts(key) === null);
  return port === undefined ? null : `it exposes ${JSON.stringify(port)}, which is no port such as 80/tcp`;
}
