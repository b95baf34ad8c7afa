import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DockerRegistry } from '../root/docker-registry.ts';
import { describeWherePresent, rootMissing } from '../where-present.ts';
import { compose, composeMissing, dockerCompose, environment } from './docker-compose.ts';

// A stack that docker compose publishes means here what its files mean there.

const run = promisify(execFile);
const program = new URL('../../build/bayplan.cjs', import.meta.url).pathname;

describeWherePresent([composeMissing, rootMissing], 'what docker compose publishes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-publish-'));
  const root = join(folder, 'root');
  const files = ['-f', 'compose.yaml', '-f', 'over.yaml'];
  let registry: DockerRegistry;
  const own = async (...args: readonly string[]): Promise<string> => (await run(process.execPath, [program, '--root', root, ...args], { cwd: folder, env: { ...environment, HOME: folder, NO_COLOR: '1' } })).stdout;

  beforeAll(async () => {
    registry = await new DockerRegistry().open();
    mkdirSync(root);
    // In block style: docker compose changes names of files in their text, and takes a bracket behind one for its part.
    writeFileSync(join(folder, 'compose.yaml'), 'services:\n  web:\n    image: "demo:${TAG:-1}"\n    env_file: web.env\n    depends_on: [db]\n  db:\n    extends:\n      file: base.yaml\n      service: base\n    image: db\n');
    writeFileSync(join(folder, 'over.yaml'), 'services:\n  web: { user: me, ports: ["80:80"] }\nnetworks: { default: { internal: true } }\n');
    writeFileSync(join(folder, 'base.yaml'), 'services:\n  base: { restart: always, labels: { from: base } }\n');
    writeFileSync(join(folder, 'web.env'), 'A=b\nC="d e"\n');
  });
  afterAll(async () => {
    await own('engine', 'stop');
    await registry.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([['1.1'], ['1.0']])('by version %s of the specification', async (version) => {
    const [docker = 'docker', ...before] = dockerCompose ?? [];
    const name = `${registry.host}/team/shop:${version}`;
    await run(docker, [...before, ...files, 'publish', '--with-env', '-y', '--oci-version', version, name], { cwd: folder, env: { ...environment, HOME: folder, __TEST__INSECURE__REGISTRY__: 'true' } });
    const { out, err } = await compose(['-p', 'shop', ...files, 'config', '--format', 'json'], folder);
    expect([out === null, err]).toEqual([false, '']);
    expect(JSON.parse(await own('-f', `oci://${name}`, 'config', '--format', 'json'))).toEqual(JSON.parse(out ?? ''));
  }, 60_000);
});
