import { dirname, join } from 'node:path/posix';

const mainNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const overrideNames = ['compose.override.yml', 'compose.override.yaml', 'docker-compose.override.yml', 'docker-compose.override.yaml'];

/** The stack file of a folder or of the nearest parent that has one, and its override file; absolute. Empty: there is none. */
export function findStackFiles(folder: string, exists: (path: string) => boolean): readonly string[] {
  for (let here = folder; ; here = dirname(here)) {
    const main = mainNames.map((name) => join(here, name)).find(exists);
    if (main !== undefined) {
      const override = overrideNames.map((name) => join(here, name)).find(exists);
      return override === undefined ? [main] : [main, override];
    }
    if (dirname(here) === here) return [];
  }
}
