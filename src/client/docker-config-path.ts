import { join } from 'node:path';

/** Where Docker's command line keeps its `config.json`: in the folder `$DOCKER_CONFIG`, else `~/.docker`. */
export function dockerConfigPath(env: Readonly<Record<string, string | undefined>>): string {
  return join(env['DOCKER_CONFIG'] || join(env['HOME'] || '/root', '.docker'), 'config.json');
}
