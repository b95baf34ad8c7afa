import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { describeWherePresent, rootMissing } from '../where-present.ts';
import { dockerMissing } from './docker-client.ts';
import { DockerMachine } from './docker-machine.ts';

// moby's integration-cli (v28.5.2): the stock docker client, and HTTP by hand, against the engine. BAYPLAN_MOBY_CLI_SUITE names a checkout in which it was built by `go test -c -o integration-cli.test
// ./integration-cli` below its top, BAYPLAN_MOBY_IMAGES the images as moby-suite.test.ts wants them. Suites of swarm, plugins, registries, builds and a dockerd's own options are left out. It publishes fixed
// ports: best in a network namespace of its own. What fails is named in moby-cli-suite.expected.json with its reason.
const checkout = process.env['BAYPLAN_MOBY_CLI_SUITE'] ?? '';
const archive = process.env['BAYPLAN_MOBY_IMAGES'] ?? '';
/** `sometimes`: they pass too. */
const Reason = z.object({ why: z.string(), sometimes: z.boolean().default(false), tests: z.array(z.string()) });
const { suites, reasons } = z.object({ suites: z.record(z.string(), z.string()), reasons: z.array(Reason) }).parse(JSON.parse(readFileSync(new URL('moby-cli-suite.expected.json', import.meta.url), 'utf8')));
const SUITE_MS = 900_000;

describeWherePresent([checkout === '' || archive === '' ? 'BAYPLAN_MOBY_CLI_SUITE and BAYPLAN_MOBY_IMAGES name no checkout and images' : null, dockerMissing, rootMissing], 'moby\'s integration-cli', () => {
  const world = new DockerMachine();
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-moby-cli-'));

  beforeAll(async () => {
    await world.open();
    await world.machine.engine.images.load(createReadStream(archive));
    writeFileSync(join(folder, 'dockerd'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    mkdirSync(join(folder, 'home'));
  });
  afterAll(async () => {
    await world.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(Object.entries(suites))('of %s fail those that are known to', async (_, pattern) => {
    const program = join(checkout, 'integration-cli.test');
    expect(existsSync(program), `${program} is not built`).toBe(true);
    const output = await new Promise<string>((resolve) => {
      const child = spawn(program, ['-test.v', '-test.timeout', '14m', '-test.run', pattern, '-test.skip', '/TestBuild'], {
        cwd: join(checkout, 'integration-cli'), stdio: ['ignore', 'pipe', 'pipe'], timeout: SUITE_MS,
        env: { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: join(folder, 'home'), TMPDIR: folder, DEST: folder, DOCKER_HOST: `unix://${world.machine.paths.socket}` },
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { said += data.toString(); });
      child.once('close', () => resolve(said));
    });
    const ended = [...output.matchAll(/^ {4}--- (PASS|FAIL): Test\w+\/(\S+)/gm)].map(([, how, title = '']) => ({ how, title }));
    const of = (wanted: string): readonly string[] => ended.filter(({ how }) => how === wanted).map(({ title }) => title);
    console.log(`${pattern}: ${of('PASS').length} tests pass, ${of('FAIL').length} fail`);
    expect(ended.length, output.slice(-2000)).toBeGreaterThan(0);
    const known = new Set(reasons.flatMap(({ tests }) => tests));
    expect(of('FAIL').filter((title) => !known.has(title)), output).toEqual([]);
    const always = new Set(reasons.filter(({ sometimes }) => !sometimes).flatMap(({ tests }) => tests));
    expect(of('PASS').filter((title) => always.has(title)), 'these pass now, so they have no business in moby-cli-suite.expected.json').toEqual([]);
  }, SUITE_MS + 10_000);
});
