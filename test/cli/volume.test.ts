import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Console } from './console.ts';

const cli = new Console();
beforeAll(() => cli.open());
beforeEach(() => { cli.engine.calls.length = 0; });
afterAll(() => cli.close());

test('ls, as docker prints it', async () => {
  expect(await cli.run('volume', 'ls')).toBe(0);
  expect(cli.out).toBe('DRIVER    VOLUME NAME\nlocal     shop_data\n');
  await cli.run('volume', 'ls', '-q', '--filter', 'name=other');
  expect(cli.out).toBe('');
  await cli.run('volume', 'ls', '--format', 'json');
  expect(JSON.parse(cli.out)).toEqual({ Availability: 'N/A', Driver: 'local', Group: 'N/A', Labels: 'a=b', Links: 'N/A', Mountpoint: '/fake/v', Name: 'shop_data', Scope: 'local', Size: 'N/A', Status: 'N/A' });
  expect(await cli.run('volume', 'ls', '--filter', 'colour=red')).toBe(1);
  expect(cli.err).toContain('invalid filter \'colour\'');
});

test('inspect', async () => {
  expect(await cli.run('volume', 'inspect', 'shop_data', 'none')).toBe(1);
  expect(JSON.parse(cli.out)).toMatchObject([{ Name: 'shop_data', Mountpoint: '/fake/v', Options: null }]);
  expect(cli.err).toBe('bayplan: get none: no such volume\n');
});

test('create and rm', async () => {
  expect(await cli.run('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '--label', 'a', 'mine')).toBe(0);
  expect(await cli.run('volume', 'rm', '-f', 'one', 'two')).toBe(0);
  expect(cli.out).toBe('one\ntwo\n');
  expect(cli.engine.calls).toEqual(['create volume mine', 'remove volume one force=true', 'remove volume two force=true']);
  expect(await cli.run('volume', 'create', '--driver', 'rexray')).toBe(1);
  expect(cli.err).toContain('plugin "rexray" not found');
});

test('prune asks, and takes anonymous ones alone', async () => {
  cli.stdin = Readable.from(['n\n']);
  expect(await cli.run('volume', 'prune')).toBe(1);
  expect(cli.out).toContain('WARNING! This will remove anonymous volumes not used by at least one container.');
  await cli.run('volume', 'prune', '-f');
  expect(cli.out).toBe('Total reclaimed space: 2.048kB\n');
  await cli.run('volume', 'prune', '-af');
  expect(cli.out).toBe('Deleted Volumes:\nshop_data\n\nTotal reclaimed space: 2.048kB\n');
});
