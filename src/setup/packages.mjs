import { existsSync, readFileSync, statSync, accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './run.mjs';
import { SetupError } from './setup-error.mjs';

/** Debian package → what shows that it is there: a program on the PATH, or one of several files (`*` stands for the multiarch folder). */
const BUILD = {
  gcc: 'cc', make: 'make', 'libc6-dev': ['/usr/lib/*/libc.a'], 'libjansson-dev': ['/usr/lib/*/libjansson.a'], 'libseccomp-dev': ['/usr/lib/*/libseccomp.a'],
  'zlib1g-dev': ['/usr/lib/*/libz.a'], 'libzstd-dev': ['/usr/lib/*/libzstd.a'], 'nettle-dev': ['/usr/lib/*/libnettle.a'], 'linux-libc-dev': ['/usr/include/linux/if_link.h'],
  libnftables1: ['/usr/lib/*/libnftables.so.1', '/usr/lib/libnftables.so.1'], 'busybox-static': 'busybox',
};
const TEST = { mmdebstrap: 'mmdebstrap', nftables: 'nft', iproute2: 'ip', skopeo: 'skopeo', umoci: 'umoci', 'docker-registry': 'docker-registry', wrk: 'wrk', 'fuse-overlayfs': 'fuse-overlayfs', 'btrfs-progs': 'mkfs.btrfs', runc: 'runc', crun: 'crun', 'bash-completion': ['/usr/share/bash-completion/bash_completion'], zsh: 'zsh', fish: 'fish' };
const VM = { 'qemu-system-x86': 'qemu-system-x86_64', cpio: 'cpio', kmod: 'modprobe', 'nfs-kernel-server': 'rpc.nfsd', rpcbind: 'rpcbind', apparmor: 'apparmor_parser', systemd: 'systemctl', podman: 'podman', conmon: 'conmon', clang: 'clang', 'libclang-rt-14-dev': ['/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a'] };
const KINDS = { build: BUILD, test: { ...BUILD, ...TEST }, long: { ...BUILD, ...TEST, ...VM } };

/** Installs the Debian packages that are missing for `kind` (build, test, or long: the tests that take minutes). Throws SetupError, naming them, where that cannot be done from here. */
export function installPackages(kind) {
  const missing = Object.entries(KINDS[kind]).filter(([, proof]) => !isThere(proof)).map(([name]) => name);
  if (missing.length === 0) return;
  const names = missing.join(' ');
  if (!isThere('apt-get')) throw new SetupError(`these are missing and there is no apt-get to install them with: install what your distribution calls ${names}`);
  if (process.getuid() !== 0) throw new SetupError(`Debian packages are missing: run \`sudo apt-get install ${names}\`, or this command as root`);
  console.log(`installing Debian packages: ${names}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
}

function isThere(proof) {
  if (Array.isArray(proof)) return proof.some((file) => multiarch().some((folder) => existsSync(file.replace('*', folder))));
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, proof), constants.X_OK);
      return statSync(join(folder, proof)).isFile();
    } catch {
      return false; // not in this folder
    }
  });
}

function multiarch() {
  const machine = { x64: 'x86_64', arm64: 'aarch64', riscv64: 'riscv64', ppc64: 'powerpc64le', s390x: 's390x' }[process.arch] ?? process.arch;
  return [`${machine}-linux-gnu`, '.'];
}

/** Installs the npm packages of the lock file where they are not there or are another lock file's. */
export function installNodeModules() {
  const installed = 'node_modules/.package-lock.json';
  if (existsSync(installed) && sameVersions(JSON.parse(readFileSync('package-lock.json', 'utf8')), JSON.parse(readFileSync(installed, 'utf8')))) return;
  console.log('installing npm packages');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { env: { ...process.env, npm_config_loglevel: 'error' } });
}

/** npm leaves a list of what it installed; packages for other platforms are not in it. */
function sameVersions(wanted, installed) {
  return Object.entries(wanted.packages).every(([path, { version, optional, devOptional }]) => {
    if (path === '') return true;
    const found = installed.packages[path];
    return found === undefined ? optional === true || devOptional === true : found.version === version;
  });
}
