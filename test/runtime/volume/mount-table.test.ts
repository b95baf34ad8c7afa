import { expect, test } from 'vitest';
import { mountsBelow } from '../../../src/runtime/volume/mount-table.ts';

const table = ['27 1 254:0 / / rw - ext4 /dev/vda rw', '90 27 0:50 / /srv/my\\040root/volumes/a/_data rw - nfs4 server:/ rw', '91 90 0:51 / /srv/my\\040root/volumes/a/_data/deep rw - tmpfs t rw', '92 27 0:52 / /srv/my\\040root/volumes/ab rw - tmpfs t rw', ''].join('\n');

test('what is mounted at a folder and below, blanks in its name and all', () => {
  expect(mountsBelow('/srv/my root/volumes/a', table)).toEqual(['/srv/my root/volumes/a/_data', '/srv/my root/volumes/a/_data/deep']);
  expect(mountsBelow('/srv/my root/volumes/ab', table)).toEqual(['/srv/my root/volumes/ab']);
  expect(mountsBelow('/srv/other', table)).toEqual([]);
});
