import { describe, expect, it } from 'vitest';
import { bundleOf } from '../../../src/runtime/container/bundle.ts';
import type { ResolvedMount } from '../../../src/runtime/container/bundle.ts';
import { foreignBundle, foreignProcess, needsStaging } from '../../../src/runtime/foreign/foreign-bundle.ts';
import { imageOf, specOf } from '../container/container-spec.ts';

const identity = { uid: 5, gid: 6, gids: [6, 7], home: '/home/five' };
const mount = (change: Partial<ResolvedMount>): ResolvedMount =>
  ({ type: 'bind', source: '/src', target: '/dst', readOnly: false, propagation: '', recursive: 'enabled' as const, size: null, mode: null, options: [], ...change });
const config = (mounts: readonly ResolvedMount[], init = false): ReturnType<typeof bundleOf> => bundleOf({
  id: 'ab'.repeat(32), name: 'demo-web-1', stack: 'demo', mountedImages: [], spec: specOf({ init, command: ['run'] }), image: imageOf(), root: { path: '/r', overlay: null, mapped: false }, netns: null, cgroupsPath: '/bayplan/abab', hostname: 'web',
  files: { hosts: '/c/hosts', hostname: '/c/hostname', resolvConf: '/c/resolv.conf' }, mounts, seccompBpf: null, deviceNumbers: () => ({ major: 254, minor: 0 }),
});
const prepared = (staged: ReadonlyMap<string, string> = new Map()): Parameters<typeof foreignBundle>[1] => ({ identity, staged, core: '/core' });

describe('a bundle for another runtime', () => {
  it('has numbers for users, a HOME, and no annotation that only our core knows', () => {
    const { process, annotations } = foreignBundle(config([]), prepared());
    expect(process.user).toEqual({ uid: 5, gid: 6, additionalGids: [6, 7] });
    expect(process.env).toContain('HOME=/home/five');
    expect(Object.keys(annotations)).toEqual(['io.bayplan.id', 'io.bayplan.name', 'io.bayplan.stack', 'io.bayplan.images']);
  });

  it('keeps a HOME that is there, and takes none of the process\'s annotations along', () => {
    const process = foreignProcess({ ...config([]).process, env: ['HOME=/own'], annotations: { 'io.bayplan.user': 'x' } }, { ...identity, gids: [] });
    expect(process).toMatchObject({ env: ['HOME=/own'], user: { uid: 5, gid: 6 } });
    expect('annotations' in process).toBe(false);
  });

  it('binds what was staged, and has no option of ours left', () => {
    const content = mount({ type: 'content', target: '/secret', options: ['uid=1', 'mode=400'] });
    const part = mount({ target: '/part', options: ['subpath=a/b'] });
    const made = mount({ target: '/made', options: ['create'] });
    const { mounts } = foreignBundle(config([content, part, made]), prepared(new Map([['/secret', '/s/0'], ['/part', '/s/1']])));
    expect(mounts.slice(-3).map(({ destination, type, source, options }) => [destination, type, source, options.join(',')])).toEqual([
      ['/secret', 'bind', '/s/0', 'bind,ro,rprivate,nosuid,nodev,noexec'], ['/part', 'bind', '/s/1', 'rbind,rprivate'], ['/made', 'bind', '/src', 'rbind,rprivate'],
    ]);
    expect(config([content, part, made]).mounts.slice(-3).map(needsStaging)).toEqual([true, true, false]);
  });

  it('brings an init along where one is wanted', () => {
    const { process, mounts } = foreignBundle(config([], true), prepared());
    expect(process.args.slice(0, 4)).toEqual(['/dev/init', 'init', '--', 'run']);
    expect(mounts.at(-1)).toMatchObject({ destination: '/dev/init', source: '/core' });
  });

  it('refuses users of its own', () => {
    const own = config([]);
    expect(() => foreignBundle({ ...own, linux: { ...own.linux, uidMappings: [] } } as typeof own, prepared())).toThrow(/leave userns or runtime out/);
  });
});
