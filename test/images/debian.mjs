import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePackages } from './packages.mjs';

const run = promisify(execFile);
const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8', HOME: '/root' };

/** A minimal Debian of this machine's release, from its own apt sources, as the base layer of the other images. */
export async function makeBase(root) {
  ensurePackages({ mmdebstrap: '/usr/bin/mmdebstrap', attr: '/usr/bin/setfattr' });
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'bookworm';
  const sources = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'].find((file) => existsSync(file) && /^\s*(deb|Types:)/m.test(readFileSync(file, 'utf8')));
  await attempt(`mmdebstrap of ${release}`, run('mmdebstrap', [
    '--variant=minbase', '--mode=root', '--format=directory', '--quiet', '--skip=check/empty,cleanup/apt',
    '--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/man/*', '--dpkgopt=path-exclude=/usr/share/locale/*', '--dpkgopt=path-exclude=/usr/share/info/*',
    '--dpkgopt=force-unsafe-io', '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"',
    release, root, ...(sources === undefined ? [] : [sources]),
  ], { env: { ...process.env, ...environment }, maxBuffer: 1 << 26 }));
  // Packages must not start daemons while they are installed.
  writeFileSync(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
}

/** What each layer makes afresh, and what no image needs. */
const LEFT_OUT = ['var/cache/apt', 'var/lib/apt/lists', 'var/log/apt', 'var/log/dpkg.log', 'var/log/alternatives.log', 'var/cache/ldconfig', 'var/cache/debconf', 'etc/resolv.conf', 'run', 'tmp', 'dev', 'proc', 'sys'];

/**
 * Makes a layer above `base`: packages are installed on an overlay, `files` (path in the image → { from | content, mode }) put in, then
 * `script` run in it. The upper folder becomes `upper`, with its whiteouts in a layer's form.
 */
export async function makeLayer(base, upper, { packages, files = {}, script = '' }) {
  const [work, merged] = [`${upper}.work`, `${upper}.merged`];
  for (const folder of [upper, work, merged]) mkdirSync(folder, { recursive: true });
  for (const [path, { from, content, mode }] of Object.entries(files)) {
    const target = join(upper, path);
    mkdirSync(dirname(target), { recursive: true });
    if (from === undefined) writeFileSync(target, content); else copyFileSync(from, target);
    chmodSync(target, mode ?? 0o644);
  }
  // Lists and packages come from the base's first update, which lies in the lower folder. All mounts die with this mount namespace.
  const steps = [
    'set -e', 'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"',
    'mount -t proc proc "$4/proc"', 'mount --bind /dev "$4/dev"', 'mount -t tmpfs tmpfs "$4/tmp"', 'mount -t tmpfs tmpfs "$4/run"',
    'touch "$4/etc/resolv.conf"', 'mount --bind /etc/resolv.conf "$4/etc/resolv.conf"', 'for f in /etc/apt/apt.conf.d/*[pP]roxy*; do test ! -f "$f" || cp "$f" "$4/tmp/proxy.conf"; done',
    'export APT_CONFIG=/tmp/proxy.conf; touch "$4/tmp/proxy.conf"',
    'chroot "$4" apt-get install -qq -y --no-install-recommends -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 $5',
    'chroot "$4" sh -e -c "$6"',
  ].join('\n');
  await attempt(`installing ${packages.join(' ')}`, run('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', steps, 'sh', base, upper, work, merged, packages.join(' '), script], { env: environment, maxBuffer: 1 << 26 }));
  for (const path of LEFT_OUT) rmSync(join(upper, path), { recursive: true, force: true });
  asLayer(upper);
  for (const folder of [work, merged]) rmSync(folder, { recursive: true, force: true });
}

/** The overlay's marks of what is deleted, as a layer has them (OCI image spec, layer.md "Whiteouts"). */
function asLayer(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isCharacterDevice() && lstatSync(path).rdev === 0) {
      rmSync(path);
      writeFileSync(join(dirname(path), `.wh.${basename(path)}`), '');
    } else if (entry.isDirectory()) {
      asLayer(path);
      if (isOpaque(path)) writeFileSync(join(path, '.wh..wh..opq'), '');
    }
  }
}

function isOpaque(path) {
  try {
    return execFileSync('getfattr', ['--only-values', '--absolute-names', '-n', 'trusted.overlay.opaque', path], { stdio: ['ignore', 'pipe', 'ignore'] }).toString() === 'y';
  } catch {
    return false; // no such attribute
  }
}

async function attempt(what, work) {
  try {
    await work;
  } catch (cause) {
    const tail = `${cause.stdout ?? ''}${cause.stderr ?? ''}`.trim().split('\n').slice(-12).join('\n');
    throw new Error(`${what} failed:\n${tail || cause.message}`, { cause });
  }
}
