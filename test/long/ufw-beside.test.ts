import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { top } from '../root/harness.ts';
import { describeWherePresent, rootMissing } from '../where-present.ts';

// The root tests of networks once more, in a network namespace in which ufw, as Debian has it, is active: it drops all that is forwarded.
const folder = mkdtempSync(join(tmpdir(), 'bayplan-ufw-'));
const download = spawnSync('apt-get', ['download', 'ufw'], { cwd: folder, stdio: 'ignore' });
const [name = ''] = readdirSync(folder);
const missing = download.status === 0 && spawnSync('iptables', ['--version']).status === 0 ? null : 'apt-get has no ufw here, or there is no iptables';
const TESTS = ['containers reach each other and the world', 'published ports answer on every address', 'replicas share a port by turns'];

afterAll(() => rmSync(folder, { recursive: true }));

describeWherePresent([missing, rootMissing], 'beside ufw', () => {
  it('containers reach each other and the world, and their ports are reached', () => {
    const mounted = join(folder, 'mounted');
    mkdirSync(mounted);
    const { status, stdout, stderr } = spawnSync('unshare', ['--net', '--mount', 'sh', join(top, 'test/long/beside-ufw.sh'), join(folder, name), mounted,
      process.execPath, join(top, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(top, 'test/vitest.config.ts'), '--project', 'root', 'test/root/network.test.ts', '-t', TESTS.join('|'),
    ], { cwd: top, encoding: 'utf8', timeout: 300_000, env: { ...process.env, NO_COLOR: '1' } });
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^Status: active$/m);
    expect(stdout).toMatch(/^Default: deny \(incoming\), allow \(outgoing\), deny \(routed\)$/m);
    expect(stdout).toMatch(new RegExp(`Tests +${TESTS.length} passed`));
  });
});
