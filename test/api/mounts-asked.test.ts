import { expect, it } from 'vitest';
import { DockerConfig } from '../../src/api/docker-config.ts';
import { mountsOf } from '../../src/api/docker-mounts.ts';
import { mountsAsked } from '../../src/api/mounts-asked.ts';

it('says of what a container has mounted how it was asked for', () => {
  const HostConfig = {
    Binds: ['/host:/in:ro', 'named:/data:ro,nocopy', '/s:/shared:rshared'],
    Mounts: [
      { Type: 'bind', Source: '/must', Target: '/be', ReadOnly: true, BindOptions: { Propagation: 'rslave', ReadOnlyForceRecursive: true } }, { Type: 'bind', Source: '/a', Target: '/alone', BindOptions: { CreateMountpoint: true, NonRecursive: true } },
      { Type: 'volume', Source: 'part', Target: '/part', VolumeOptions: { Subpath: 'of/it' } }, { Type: 'volume', Target: '/nameless', ReadOnly: true },
      { Type: 'image', Source: 'a:1', Target: '/image', ImageOptions: { Subpath: 'etc' } }, { Type: 'tmpfs', Target: '/t', ReadOnly: true, TmpfsOptions: { SizeBytes: 4096, Mode: 0o700, Options: [['noexec'], ['uid', '5']] } },
    ],
    Tmpfs: { '/run': 'size=3M', '/tmp': '' },
  };
  const mounts = mountsOf(DockerConfig.parse({ Image: 'a', Volumes: { '/own': {} }, HostConfig }));
  const asked = mountsAsked(mounts);
  expect(asked).toEqual({ HostConfig, Volumes: ['/own'] });
  expect(mountsOf(DockerConfig.parse({ Image: 'a', Volumes: { '/own': {} }, HostConfig: asked.HostConfig }))).toEqual(mounts);
  expect(mountsAsked([])).toEqual({ HostConfig: { Binds: [] }, Volumes: [] });
});
