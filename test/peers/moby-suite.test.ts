import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { API_VERSION } from '../../src/api/system.ts';
import { describeWherePresent, rootMissing } from '../where-present.ts';
import { DockerMachine } from './docker-machine.ts';

// moby's own integration tests (v28.5.2) against the Docker Engine API. BAYPLAN_MOBY_SUITE names a checkout in which the packages were built by `go test -c -o PACKAGE.test ./integration/PACKAGE`
// below its top, BAYPLAN_MOBY_IMAGES a `docker save` archive of the images that they want: busybox:latest, busybox:glibc, hello-world:frozen, hello-world:amd64, hello-world:arm64 (for this machine
// too) and debian:bookworm-slim. Tests that start a dockerd of their own are not this engine's: theirs ends at once. What fails is named in moby-suite.expected.json with its reason.
const checkout = process.env['BAYPLAN_MOBY_SUITE'] ?? '';
const archive = process.env['BAYPLAN_MOBY_IMAGES'] ?? '';
/** `sometimes`: they pass too. */
const Reason = z.object({ why: z.string(), sometimes: z.boolean().default(false), tests: z.array(z.string()) });
const expected = z.object({ container: z.array(Reason), image: z.array(Reason), network: z.array(Reason), session: z.array(Reason), system: z.array(Reason), volume: z.array(Reason) })
  .parse(JSON.parse(readFileSync(new URL('moby-suite.expected.json', import.meta.url), 'utf8')));
const PACKAGE_MS = 600_000;

describeWherePresent([checkout === '' || archive === '' ? 'BAYPLAN_MOBY_SUITE and BAYPLAN_MOBY_IMAGES name no checkout and images' : null, rootMissing], 'moby\'s integration tests', () => {
  const world = new DockerMachine();
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-moby-'));

  beforeAll(async () => {
    await world.open();
    await world.machine.engine.images.load(createReadStream(archive));
    writeFileSync(join(folder, 'dockerd'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  });
  afterAll(async () => {
    await world.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(Object.entries(expected))('of %s fail those that are known to', async (name, reasons) => {
    const program = join(checkout, `${name}.test`);
    expect(existsSync(program), `${program} is not built`).toBe(true);
    const output = await new Promise<string>((resolve) => {
      const child = spawn(program, ['-test.v', '-test.skip', 'TestService|TestImportExtremelyLarge'], { // swarm, and 8 GiB
        cwd: join(checkout, 'integration', name), stdio: ['ignore', 'pipe', 'pipe'], timeout: PACKAGE_MS,
        env: { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}`, DOCKER_HOST: `unix://${world.machine.paths.socket}`, DOCKER_API_VERSION: API_VERSION, DEST: folder },
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { said += data.toString(); });
      child.once('close', () => resolve(said));
    });
    const ended = [...output.matchAll(/^--- (PASS|FAIL): (\S+)/gm)].map(([, how, title]) => ({ how, title }));
    expect(ended.length, output.slice(-2000)).toBeGreaterThan(0);
    const unsure = new Set(reasons.filter(({ sometimes }) => sometimes).flatMap(({ tests }) => tests));
    const failed = ended.filter(({ how, title }) => how === 'FAIL' && !unsure.has(title ?? '')).map(({ title }) => title);
    expect(failed.sort()).toEqual(reasons.filter(({ sometimes }) => !sometimes).flatMap(({ tests }) => tests).sort());
  }, PACKAGE_MS);
});
