import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { IMAGE } from '../api/fake-engine.ts';
import { Console } from './console.ts';

let cli: Console;
beforeEach(async () => { cli = await new Console().open(); });
afterEach(() => cli.close());

describe('image ls', () => {
  test('a table, IDs, digests', async () => {
    expect(await cli.run('image', 'ls')).toBe(0);
    expect(cli.out).toMatch(/^REPOSITORY   TAG       IMAGE ID       CREATED\s+SIZE\nnginx        1         aaaaaaaaaaaa   \d years ago\s+1.23kB\n$/);
    await cli.run('image', 'ls', '-q', '--no-trunc');
    expect(cli.out).toBe(`${IMAGE.id}\n`);
    await cli.run('image', 'list', '--digests');
    expect(cli.out).toContain(`nginx        1         ${IMAGE.digest}   aaaaaaaaaaaa`);
  });

  test('JSON as docker has it, a line an image', async () => {
    await cli.run('image', 'ls', '--format', 'json');
    expect(JSON.parse(cli.out)).toMatchObject({ Repository: 'nginx', Tag: '1', ID: 'a'.repeat(12), Size: '1.23kB', CreatedAt: '2023-11-14 22:13:20 +0000 UTC', Digest: IMAGE.digest });
  });

  test('filters are passed on, and a name is one', async () => {
    await cli.run('image', 'ls', '--filter', 'dangling=true');
    expect(cli.out.split('\n')).toHaveLength(2);
    await cli.run('image', 'ls', '-q', 'ngin*');
    expect(cli.out).toBe(`${'a'.repeat(12)}\n`);
    expect(await cli.run('image', 'ls', '--filter', 'nonsense=1')).toBe(1);
    expect(cli.err).toContain('invalid filter \'nonsense\': expected one of reference,');
    expect(await cli.run('image', 'ls', '--filter', 'nonsense')).toBe(1);
    expect(cli.err).toContain('Expected NAME=VALUE.');
  });
});

test('image inspect prints what there is, and names what there is not', async () => {
  expect(await cli.run('image', 'inspect', 'nginx:1', 'nosuch')).toBe(1);
  expect(JSON.parse(cli.out)).toMatchObject([{ Id: IMAGE.id, RepoTags: ['nginx:1'] }]);
  expect(cli.err).toBe('bayplan: No such image: nosuch:latest\n');
  expect(await cli.run('image', 'inspect', '--format', 'json', 'nginx:1')).toBe(0);
  expect(cli.out.split('\n')).toHaveLength(2);
});

test('image history', async () => {
  expect(await cli.run('image', 'history', 'nginx:1')).toBe(0);
  expect(cli.out).toMatch(/^IMAGE\s+CREATED\s+CREATED BY\s+SIZE\s+COMMENT\naaaaaaaaaaaa\s+\d years ago\s+CMD serve\s+0B\n<missing>\s+\d years ago\s+ADD file\s+1.23kB\n$/);
  await cli.run('image', 'history', '--no-human', '--no-trunc', '--format', 'json', 'nginx:1');
  expect(cli.out.split('\n').slice(0, 2).map((line) => JSON.parse(line) as object)).toMatchObject([{ ID: IMAGE.id, Size: '0' }, { ID: '<missing>', Size: '1234', CreatedAt: '2023-11-14 22:13:20 +0000 UTC' }]);
});

test('image tag and rm', async () => {
  expect(await cli.run('image', 'tag', 'nginx:1', 'localhost:5000/a/b:2')).toBe(0);
  expect(await cli.run('image', 'rm', '-f', 'nginx:1', 'a/b')).toBe(0);
  expect(cli.out).toBe(`Untagged: nginx:1\nDeleted: ${IMAGE.id}\n`.repeat(2));
  expect(cli.engine.calls).toEqual(['tag nginx:1 localhost:5000/a/b:2', 'remove image nginx:1 force=true', 'remove image a/b force=true']);
});

test('image prune asks first', async () => {
  cli.stdin = Readable.from(['n\n']);
  expect(await cli.run('image', 'prune', '-a')).toBe(1);
  expect(cli.out).toBe('WARNING! This will remove all images that no container was made from.\nAre you sure you want to continue? [y/N] ');
  cli.stdin = Readable.from(['y\n']);
  expect(await cli.run('image', 'prune', '-a')).toBe(0);
  expect(cli.out).toContain(`Deleted Images:\nuntagged: nginx:1\ndeleted: ${IMAGE.id}\n\nTotal reclaimed space: 1.234kB\n`);
  expect(await cli.run('image', 'prune', '-f')).toBe(0);
  expect(cli.out).toBe('Total reclaimed space: 0B\n');
  expect(await cli.run('image', 'prune', '-af', '--filter', 'until=2001-01-01T00:00:00Z')).toBe(0);
  expect(cli.out).toBe('Total reclaimed space: 0B\n');
});

describe('save', () => {
  test('to a file that appears whole, or to what standard output is led to', async () => {
    expect(await cli.run('save', '-o', 'saved.tar', 'nginx:1', 'a/b:2')).toBe(0);
    expect(readFileSync(join(cli.folder, 'saved.tar'), 'utf8')).toBe('archive of nginx:1 a/b:2');
    expect(await cli.run('image', 'save', 'nginx:1')).toBe(0);
    expect(cli.out).toBe('archive of nginx:1');
  });

  test('leaves nothing where it cannot', async () => {
    expect(await cli.run('save', '-o', 'nowhere/saved.tar', 'nginx:1')).toBe(1);
    expect(cli.err).toMatch(/^bayplan: .*nowhere\/saved\.tar cannot be written: there is no such folder\n$/);
    mkdirSync(join(cli.folder, 'folder'));
    expect(await cli.run('save', '-o', 'folder', 'nginx:1')).toBe(1);
    expect(cli.err).toMatch(/folder is there and is no file: give another name to -o\n$/);
    expect(existsSync(join(cli.folder, 'nowhere'))).toBe(false);
    expect(readdirSync(cli.folder).filter((name) => name.includes('tar'))).toEqual([]);
  });
});

test('pull of an empty name is an error', async () => {
  expect(await cli.run('pull', '')).toBe(1);
  expect(cli.err).toBe('bayplan: image "" has no name: name a service or an image\n');
});

test('pull takes the images of services as their policies say, or --policy in their place', async () => {
  cli.write('compose.yaml', `services:
  always: { image: new:1, pull_policy: always }
  daily: { image: new:2, pull_policy: daily }
  unsaid: { image: new:3 }
  gone: { image: new:4, pull_policy: missing }
  there: { image: nginx:1, pull_policy: if_not_present }
  never: { image: new:5, pull_policy: never }
  build: { image: new:6, pull_policy: build }
`);
  const pulled = async (...args: readonly string[]): Promise<readonly string[]> => {
    cli.engine.calls.length = 0;
    await cli.run('pull', ...args);
    return cli.engine.calls.flatMap((call) => /^pull (\S+) /.exec(call)?.[1] ?? []).sort();
  };
  expect(await pulled()).toEqual(['new:1', 'new:2', 'new:3', 'new:4']);
  expect(cli.out).toContain('new:5: Skipped: its pull_policy is "never"\nnew:6: Skipped: its pull_policy is "build"\nnginx:1: Skipped: it is in the store\n');
  expect(await pulled('--policy', 'missing')).toEqual(['new:1', 'new:2', 'new:3', 'new:4', 'new:5', 'new:6']);
  expect(await pulled('--policy', 'always', 'there', 'never')).toEqual(['new:5', 'nginx:1']);
  expect(await pulled('-q', 'there', 'new:9')).toEqual(['new:9']);
  expect(cli.out).toBe('new:9\n');
});

test('pull and push show what they do as --progress says', async () => {
  cli.write('compose.yaml', 'services: {web: {image: "nginx:1"}}\n'); // else one is looked for above
  const pulled = async (mode: string): Promise<string> => {
    expect(await cli.run('pull', '--progress', mode, 'a')).toBe(0);
    return cli.out;
  };
  expect(await pulled('plain')).toContain('a: Status: Downloaded newer image');
  expect(await pulled('plain')).not.toContain('\x1b');
  expect(await pulled('auto')).toBe(await pulled('plain'));
  expect(await pulled('tty')).toContain('\x1b[36m');
  cli.env = { NO_COLOR: '1' };
  expect(await pulled('tty')).not.toContain('\x1b[36m');
  cli.env = {};
  expect((await pulled('json')).trim().split('\n').map((line): unknown => JSON.parse(line))).toContainEqual({ image: 'a', status: 'Downloading', id: IMAGE.digest.slice(7, 19), progressDetail: { current: 1, total: 2 } });
  expect(await pulled('quiet')).toBe('');
  expect(await cli.run('--progress', 'quiet', 'push', 'nginx:1')).toBe(0);
  expect(cli.out).toBe('');
  expect(await cli.run('pull', '--progress', 'loud', 'a')).toBe(1);
});
