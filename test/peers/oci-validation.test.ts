import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { describeWherePresent } from '../where-present.ts';

// opencontainers/runtime-tools' validation against the core's OCI command line. The suite is a checkout that BAYPLAN_OCI_SUITE names; what of it is not built, is built
// with the Go it needs (1.21).
const suite = process.env.BAYPLAN_OCI_SUITE ?? '';
const go = ['/usr/lib/go-1.23/bin/go', '/usr/lib/go-1.22/bin/go', '/usr/lib/go-1.21/bin/go', '/usr/local/go/bin/go'].find((path) => existsSync(path)) ?? 'go';
const core = new URL('../../build/bayplan-core', import.meta.url).pathname;
const expected = z.record(z.string(), z.object({ always: z.boolean(), why: z.string() })).parse(JSON.parse(readFileSync(new URL('oci-validation.expected.json', import.meta.url), 'utf8')));
/** What the suite's programs share: cgroups of one name, and the machine's mounts. */
const ALONE = /^linux_cgroups|^delete_resources|^linux_rootfs_propagation|^linux_ns_itype/;
const AT_ONCE = 6;

interface Ended { readonly status: number | null; readonly output: string }

describeWherePresent([suite === '' ? 'BAYPLAN_OCI_SUITE names no checkout' : null], 'the validation of opencontainers/runtime-tools', () => {
  const folder = suite === '' ? '' : mkdtempSync(join(tmpdir(), 'bayplan-validation-'));
  const runtime = join(folder, 'runtime');
  const programs = suite === '' ? [] : readdirSync(join(suite, 'validation')).filter((name) => existsSync(join(suite, 'validation', name, `${name}.go`)));
  const results = new Map<string, Ended>();

  beforeAll(async () => {
    writeFileSync(runtime, `#!/bin/sh\nexec ${core} --root ${join(folder, 'state')} "$@"\n`);
    chmodSync(runtime, 0o755);
    const env = { ...process.env, GOFLAGS: '-mod=vendor', GOTOOLCHAIN: 'local' };
    const build = (output: string, source: string, ...options: string[]): void => {
      if (!existsSync(join(suite, output))) execFileSync(go, ['build', ...options, '-o', output, source], { cwd: suite, env, stdio: 'inherit' });
    };
    build('runtimetest', './cmd/runtimetest', '-tags', 'netgo osusergo', '-ldflags', '-extldflags -static');
    for (const name of programs) build(`validation/${name}/${name}.t`, `./validation/${name}/${name}.go`);
    const run = (name: string): Promise<void> => new Promise((resolve) => {
      const child = spawn(join(suite, 'validation', name, `${name}.t`), { cwd: suite, env: { ...process.env, RUNTIME: runtime, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 90_000 });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { output += data.toString(); });
      child.once('close', (status) => { results.set(name, { status, output }); resolve(); });
    });
    for (const name of programs.filter((one) => ALONE.test(one))) await run(name);
    const rest = programs.filter((one) => !ALONE.test(one));
    await Promise.all(Array.from({ length: AT_ONCE }, async () => { for (let name = rest.shift(); name !== undefined; name = rest.shift()) await run(name); }));
  }, 900_000);

  afterAll(() => {
    const left = execFileSync(runtime, ['list', '-q'], { encoding: 'utf8' }).split('\n').filter((id) => id !== '');
    for (const id of left) execFileSync(runtime, ['delete', '--force', id]);
    for (const hierarchy of readdirSync('/sys/fs/cgroup')) // the suite's own parents of cgroups
      for (const path of ['testdir/cgrouptest', 'testdir'].map((name) => join('/sys/fs/cgroup', hierarchy, name))) if (existsSync(path)) rmdirSync(path);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder);
    rmSync(folder, { recursive: true, force: true });
  });

  const passed = (name: string): boolean => results.get(name)?.status === 0 && !/^\s*not ok/m.test(results.get(name)?.output ?? 'not ok');

  test.each(programs)('%s', (name) => {
    const known = expected[name];
    if (known === undefined) expect(passed(name), results.get(name)?.output).toBe(true);
    else if (known.always) expect(passed(name), `passes now, so it has no business in oci-validation.expected.json: ${known.why}`).toBe(false);
  });

  test('more of them pass than with crun 1.8.1 (39) and runc 1.1.5 (33)', () => {
    const count = programs.filter(passed).length;
    console.log(`${count} of ${programs.length} programs pass`);
    expect(count).toBeGreaterThan(39);
  });
});
