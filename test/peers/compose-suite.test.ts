import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { describeWherePresent, rootMissing } from '../where-present.ts';
import { composeMissing, dockerCompose } from './docker-compose.ts';
import { DockerMachine } from './docker-machine.ts';

// Docker compose's own end-to-end suite (pkg/e2e of 2.40.3), twice: the real docker compose against the engine's API, and bayplan's command line in its place. BAYPLAN_COMPOSE_SUITE names the folder
// pkg/e2e of a checkout with e2e.test in it (`go test -c -tags e2e -o e2e.test .`), BAYPLAN_COMPOSE_IMAGES a registry on loopback with the images that it pulls. Best in a network namespace of its own: it
// publishes ports 80, 90, 95 and 8080. What fails is named in compose-suite.expected.json with its reason, and with what comes of it with Docker 28.5 on the same machine.
const suite = process.env.BAYPLAN_COMPOSE_SUITE ?? '';
const images = process.env.BAYPLAN_COMPOSE_IMAGES ?? '';
const program = new URL('../../build/bayplan.cjs', import.meta.url).pathname;
const Reason = z.object({ why: z.string(), where: z.enum(['everywhere', 'machine']), docker: z.string(), tests: z.array(z.string()) });
const expected = z.object({ api: z.array(Reason), cli: z.array(Reason) }).parse(JSON.parse(readFileSync(new URL('compose-suite.expected.json', import.meta.url), 'utf8')));
const SUITE_MS = 3_600_000;

/** Steps in docker compose's words, and where it writes them. */
const WORDS = `
s/^create-(container|network|volume) ([^ ]+)  \\(.*$/ \\u\\1 \\2  Creating\\n \\u\\1 \\2  Created/;t err
s/^remove-(container|network|volume) ([^ ]+)  \\(.*$/ \\u\\1 \\2  Removing\\n \\u\\1 \\2  Removed/;t err
s/^start-container ([^ ]+)  \\(.*$/ Container \\1  Starting\\n Container \\1  Started/;t err
s/^stop-container ([^ ]+)  \\(.*$/ Container \\1  Stopping\\n Container \\1  Stopped/;t err
s/^kill-container ([^ ]+)  \\(.*$/ Container \\1  Killing\\n Container \\1  Killed/;t err
s/^pull-image ([^ ]+)  \\(.*$/ \\1 Pulling\\n \\1 Pulled/;t err
s/^((publish|withdraw)-ports|(wait|rename|drain|update|pause|unpause|restart)-container|failed:|skipped:|note:)/\\1/;t err
b
:err
w /dev/stderr
d
`;

for (const mode of ['api', 'cli'] as const) {
  describeWherePresent([suite === '' ? 'BAYPLAN_COMPOSE_SUITE names no checkout' : null, images === '' ? 'BAYPLAN_COMPOSE_IMAGES names no registry' : null, composeMissing, rootMissing], `the suite of docker compose, ${mode}`, () => {
    const docker = new DockerMachine();
    const { machine } = docker;
    const bin = join(machine.folder, 'bin');
    const script = (name: string, text: string): void => {
      writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`);
      chmodSync(join(bin, name), 0o755);
    };

    beforeAll(async () => {
      for (const folder of [bin, machine.root, join(machine.folder, 'home/.docker')]) mkdirSync(folder, { recursive: true });
      writeFileSync(join(machine.folder, 'home/.docker/config.json'), '{}');
      writeFileSync(join(machine.root, 'config.json'), JSON.stringify({ version: 1, registries: { 'docker.io': { mirrors: [images], mirrorsOnly: true } } }));
      await docker.open();
      const compose = (dockerCompose ?? []).join(' ');
      const client = `DOCKER_HOST=unix://${machine.paths.socket} exec ${compose.endsWith('/docker-compose') ? compose.replace(/usr\/libexec\/docker\/cli-plugins\/docker-compose$/, 'usr/bin/docker') : '/usr/bin/docker'} "$@"`;
      writeFileSync(join(bin, 'words.sed'), WORDS);
      if (mode === 'api') script('docker-compose', `DOCKER_HOST=unix://${machine.paths.socket} exec ${compose} "$@"`);
      else script('docker-compose', `exec ${process.execPath} ${program} --root ${machine.root} "$@" > >(exec sed -u -E -f ${join(bin, 'words.sed')})`);
      script('docker', mode === 'api' ? client : `if [ "$1" = compose ]; then shift; exec ${join(bin, 'docker-compose')} "$@"; fi\n${client}`);
    });
    afterAll(() => docker.dispose());

    test('fails where that is known alone', async () => {
      const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: join(machine.folder, 'home'), TMPDIR: machine.folder, USER: 'root', COMPOSE_E2E_BIN_PATH: join(bin, 'docker-compose') };
      const output = await new Promise<string>((resolve) => {
        const child = spawn(join(suite, 'e2e.test'), ['-test.v', '-test.timeout', '55m', '-test.parallel', '2', '-test.run', process.env.BAYPLAN_COMPOSE_TESTS ?? '.'], { cwd: suite, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: SUITE_MS });
        let said = '';
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { said += data.toString(); });
        child.once('close', () => resolve(said));
      });
      const ended = [...output.matchAll(/^--- (PASS|FAIL|SKIP): (\S+)/gm)].map(([, how = '', name = '']) => ({ how, name }));
      const of = (how: string): readonly string[] => ended.filter((one) => one.how === how).map(({ name }) => name);
      console.log(`${mode}: ${of('PASS').length} tests pass, ${of('FAIL').length} fail, ${of('SKIP').length} are skipped`);
      const reasons = expected[mode];
      const known = new Set(reasons.flatMap(({ tests }) => tests));
      expect(of('FAIL').filter((name) => !known.has(name)), output).toEqual([]);
      expect(ended).not.toEqual([]);
      const always = reasons.filter(({ where }) => where === 'everywhere').flatMap(({ tests }) => tests);
      expect(always.filter((name) => of('PASS').includes(name)), 'these pass now, so they have no business in compose-suite.expected.json').toEqual([]);
    }, SUITE_MS + 10_000);
  });
}
