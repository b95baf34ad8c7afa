import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeArchive, writeLayer } from './archive.mjs';
import { ensurePackages } from './packages.mjs';

const EPOCH = '2024-01-01T00:00:00Z';

/** `bayplan/hello`: Debian's static busybox with its applets as links, and nothing else. */
export async function makeHello(archive) {
  ensurePackages({ 'busybox-static': '/bin/busybox' });
  const work = mkdtempSync(`${archive}.`);
  try {
    const root = join(work, 'root');
    for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'usr', 'var', 'www']) mkdirSync(join(root, folder), { recursive: true });
    chmodSync(join(root, 'tmp'), 0o1777);
    chmodSync(join(root, 'root'), 0o700);
    copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
    chmodSync(join(root, 'bin/busybox'), 0o755);
    for (const applet of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).split('\n'))
      if (applet !== '' && !existsSync(join(root, 'bin', applet))) symlinkSync('busybox', join(root, 'bin', applet));
    for (const [alias, target] of [['sbin', 'bin'], ['usr/bin', '../bin'], ['usr/sbin', '../bin']]) symlinkSync(target, join(root, alias));
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/www:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n');
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n');
    writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
    const layer = await writeLayer(root, join(work, 'layer.tar'), { owner: 0, mtime: Date.parse(EPOCH) / 1000 });
    const config = { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['sh'], WorkingDir: '/' };
    writeArchive([{ names: ['bayplan/hello:latest'], config, layers: [layer] }], archive, EPOCH);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
