import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { top } from '../root/harness.ts';
import { describeWherePresent, rootMissing } from '../where-present.ts';

// The root tests of networks once more, in a network namespace in which firewalld, as Debian has it, is active: it rejects what it does not know of all that is forwarded.
const folder = mkdtempSync(join(tmpdir(), 'bayplan-firewalld-'));
const [packages, mounted] = [join(folder, 'packages'), join(folder, 'mounted')];
mkdirSync(join(packages, 'partial'), { recursive: true });
mkdirSync(mounted);
/** With what of its needs is not installed. */
const download = spawnSync('apt-get', ['-qq', '-y', '--download-only', '-o', `Dir::Cache::archives=${packages}`, '-o', 'APT::Sandbox::User=root', '--no-install-recommends', 'install', 'firewalld'], { stdio: 'ignore' });
const missing = download.status === 0 && spawnSync('dbus-daemon', ['--version']).status === 0 ? null : 'apt-get has no firewalld here, or there is no dbus-daemon';
const TESTS = ['containers reach each other and the world', 'published ports answer on every address', 'replicas share a port by turns'];

afterAll(() => rmSync(folder, { recursive: true }));

describeWherePresent([missing, rootMissing], 'beside firewalld', () => {
  it('containers reach each other and the world, and their ports are reached', () => {
    const { status, stdout, stderr } = spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', join(top, 'test/long/beside-firewalld.sh'), packages, mounted,
      process.execPath, join(top, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(top, 'test/vitest.config.ts'), '--project', 'root', 'test/root/network.test.ts', '-t', TESTS.join('|'),
    ], { cwd: top, encoding: 'utf8', timeout: 300_000, env: { ...process.env, NO_COLOR: '1' } });
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^running$/m);
    expect(stdout).toMatch(/hook forward priority[^]*reject with icmpx admin-prohibited/);
    expect(stdout).toMatch(new RegExp(`Tests +${TESTS.length} passed`));
  });
});
