import { expect, test } from 'vitest';
import { parseRemote } from '../../src/stack/remote.ts';

const git = (url: string, ref = '', path = ''): object => ({ kind: 'git', url, ref, path });

test.each<[string, object | null]>([
  ['https://github.com/a/b.git', git('https://github.com/a/b.git')],
  ['https://github.com/a/b.git#main:deploy/compose.yaml', git('https://github.com/a/b.git', 'main', 'deploy/compose.yaml')],
  ['https://github.com/a/b.git#:deploy', git('https://github.com/a/b.git', '', 'deploy')],
  ['git://host/b', git('git://host/b')],
  ['ssh://git@host:22/b.git#v1', git('ssh://git@host:22/b.git', 'v1')],
  ['git@github.com:a/b.git#v1:x', git('git@github.com:a/b.git', 'v1', 'x')],
  ['github.com/a/b#v1', git('https://github.com/a/b', 'v1')],
  ['oci://registry.example/stack:v1', { kind: 'oci', reference: 'registry.example/stack:v1' }],
  ['https://host/compose.yaml', null], ['./b.git', null], ['/a/b.git', null], ['a@b.yaml', null], ['github.com/a', null], ['C:/x', null], ['file:///a.git', null], ['--upload-pack=x', null],
])('%s', (text, expected) => { expect(parseRemote(text)).toEqual(expected); });
