import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, closeSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness.ts';
import { core, ociWorld, type Config } from './oci-world.ts';

// The ways out of a container that runtimes had in recent years, each tried against the core's command line, by a hostile program (attacker.c) where it takes a race.
// Each of them was seen to fail with the guard that it is about taken out of the core.
const { folder, rootfs, root, closers, bundle, oci, run, start, state } = ociWorld();
const attacker = join(folder, 'attacker');
const TRIES = 40;

beforeAll(() => {
  execFileSync('gcc', ['-O1', '-Wall', '-Wextra', '-Werror', '-static', '-D_GNU_SOURCE', '-o', attacker, new URL('attacker.c', import.meta.url).pathname]);
  copyFileSync(attacker, join(rootfs, 'attacker'));
  writeFileSync(join(rootfs, 'bin/evil'), '#!/proc/self/exe\n');
  chmodSync(join(rootfs, 'bin/evil'), 0o755);
});

/** A volume that is seen at /data, with more mounts behind it. */
const withVolume = (volume: string, ...more: Config['mounts']) => (config: Config): void => {
  config.mounts.push({ destination: '/data', type: 'bind', source: volume, options: ['rbind'] }, ...more);
};

let volumes = 0;
function newVolume(): string {
  const volume = join(folder, `volume${++volumes}`);
  mkdirSync(volume);
  return volume;
}

/** The attacker, outside: as a neighbour with the same volume would do it. */
async function neighbour(...args: string[]): Promise<ChildProcess> {
  const child = spawn(attacker, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  closers.push(() => child.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => { child.stdout?.once('data', () => resolve()); child.once('error', reject); });
  return child;
}

it('the runtime is not overwritten through /proc/self/exe (CVE-2019-5736)', async () => {
  const own = join(folder, 'runtime');
  const digest = (): string => createHash('sha256').update(readFileSync(own)).digest('hex');
  copyFileSync(core, own);
  chmodSync(own, 0o755);
  const before = digest();
  const name = bundle(['sh', '-c', '/attacker overwrite > /tmp/said 2>&1; sleep 1000'], (config) => {
    // As much as a container can have without being the host.
    const all = ['CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_SYS_CHROOT', 'CAP_FOWNER'];
    config.process.capabilities = { bounding: all, effective: all, permitted: all };
  });
  start(name);
  const said = join(rootfs, 'tmp/said');
  await eventually(() => expect(readFileSync(said, 'utf8')).toContain('waiting'));
  // Its program is the one that is started as "#!/proc/self/exe": the runtime, seen from inside as a process of the container's.
  await eventually(() => {
    spawnSync(own, ['--root', root, 'exec', name, '/bin/evil'], { stdio: 'ignore' });
    expect(readFileSync(said, 'utf8')).toMatch(/^(seen|overwritten): .*$/m);
  });
  expect(readFileSync(said, 'utf8')).toContain('seen: Read-only file system');
  expect(digest()).toBe(before);
});

describe('mount races', () => {
  it('a folder that is a link for a moment sends no mount out of the root (CVE-2021-30465)', async () => {
    const volume = newVolume();
    const outside = join(folder, 'outside'); // on the host, and a folder of that name in the root
    for (const path of [join(volume, 'x'), outside, join(rootfs, outside)]) mkdirSync(path, { recursive: true });
    symlinkSync(outside, join(volume, 'y'));
    await neighbour('swap', join(volume, 'x'), join(volume, 'y'));
    const places = new Map<string, number>();
    for (let i = 0; i < TRIES; i++) {
      const { status, stdout, stderr } = run(bundle(['cat', '/proc/self/mountinfo'], withVolume(volume, { destination: '/data/x', type: 'tmpfs', source: 'raced', options: ['size=64k', 'rprivate', 'mode=0700'] })));
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const mounts = stdout.split('\n').filter((line) => line.includes(' - tmpfs raced '));
      expect(mounts).toHaveLength(1); // one that had gone to the host's folder would not be seen from here any more
      const place = mounts[0]?.split(' ')[4] ?? '';
      places.set(place, (places.get(place) ?? 0) + 1);
    }
    expect([...places.keys()].filter((place) => !/^\/data\/[xy]$/.test(place) && place !== outside)).toEqual([]);
    expect(places.size, 'the race was run').toBeGreaterThan(1);
  });

  it('nor does one of a bind\'s subpath', async () => {
    const volume = newVolume();
    const outside = join(folder, 'secret');
    for (const path of [join(volume, 'x'), outside]) mkdirSync(path, { recursive: true });
    writeFileSync(join(outside, 'secret'), 'of the host\n');
    symlinkSync(outside, join(volume, 'y'));
    await neighbour('swap', join(volume, 'x'), join(volume, 'y'));
    let refused = 0;
    for (let i = 0; i < TRIES; i++) {
      const { status, stdout, stderr } = run(bundle(['ls', '/mnt'], (config) => { config.mounts.push({ destination: '/mnt', type: 'bind', source: volume, options: ['rbind', 'subpath=x'] }); }));
      expect(stdout).toBe('');
      if (status === 0) continue;
      refused++;
      expect(stderr).toBe('subpath x leads out of what is mounted on /mnt\n');
    }
    expect(refused, 'the race was run').toBeGreaterThan(0);
  });
});

describe('descriptors and working folders of the runtime (CVE-2024-21626)', () => {
  const NUMBERS = Array.from({ length: 8 }, (_, i) => i + 3);

  it.each([
    ['by its own name', (n: number) => `/proc/self/fd/${n}`], ['by a link of the image', (n: number) => { const link = join(rootfs, `way${n}`); if (!existsSync(link)) symlinkSync(`/proc/self/fd/${n}`, link); return `/way${n}`; }],
    ['by what lies above', (n: number) => `/proc/self/fd/${n}/../..`],
  ])('are no working folder, %s', (_, way) => {
    for (const number of NUMBERS) {
      const { status, stdout, stderr } = run(bundle(['pwd'], (config) => { config.process.cwd = way(number); }));
      expect({ status, stdout, lines: stderr.split('\n').length }, way(number)).toEqual({ status: 1, stdout: '', lines: 2 });
    }
    const name = bundle(['sleep', '100']);
    start(name);
    for (const number of NUMBERS) expect(oci('exec', '--cwd', way(number), name, 'pwd')).toMatchObject({ status: 255, stdout: '' });
    for (const number of NUMBERS) expect(oci('exec', name, `${way(number)}/../../../../bin/busybox`, 'echo', 'out')).toMatchObject({ stdout: '' });
  });

  it('are not handed on, whatever the caller has open', () => {
    const held = openSync('/', 'r');
    try {
      const spawnWith = (...args: string[]): string => spawnSync(core, ['--root', root, ...args], { stdio: ['ignore', 'pipe', 'inherit', held, held, held, held, held], encoding: 'utf8' }).stdout;
      const list = 'for i in /proc/self/fd/*; do readlink $i; done | grep -c "^/$"';
      expect(spawnWith('run', '--bundle', join(folder, bundle(['sh', '-c', list])), 'held').trim()).toBe('0');
      const name = bundle(['sleep', '100']);
      start(name);
      expect(spawnWith('exec', name, 'sh', '-c', list).trim()).toBe('0');
      // Even one that is passed on purpose is no folder to be in: it lies outside.
      const { status, stderr } = spawnSync(core, ['--root', root, 'exec', '--preserve-fds', '1', '--cwd', '/proc/self/fd/3', name, 'pwd'], { stdio: ['ignore', 'pipe', 'pipe', held], encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 255, stderr: 'error: working directory /proc/self/fd/3 lies outside the container\n' });
    } finally {
      closeSync(held);
    }
  });

  it('are not to be seen from inside before the program runs', async () => {
    const marked = join(folder, 'marked'); // where the runtime is started
    mkdirSync(marked);
    writeFileSync(join(marked, 'marker'), '');
    const held = openSync(marked, 'r');
    const name = bundle(['sh', '-c', '/attacker peek /tmp/enough > /tmp/peeked 2>&1; sleep 1000'], (config) => {
      const all = ['CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER']; // CAP_SYS_PTRACE would see all of a process of the container's, and is no default
      config.process.capabilities = { bounding: all, effective: all, permitted: all };
    });
    start(name);
    const peeked = join(rootfs, 'tmp/peeked');
    await eventually(() => expect(readFileSync(peeked, 'utf8')).toContain('looking'));
    for (let i = 0; i < TRIES; i++) expect(spawnSync(core, ['--root', root, 'exec', name, 'true'], { cwd: marked, stdio: ['ignore', 'ignore', 'inherit', held, held, held] }).status).toBe(0);
    writeFileSync(join(rootfs, 'tmp/enough'), '');
    await eventually(() => expect(readFileSync(peeked, 'utf8')).toBe('looking\nnothing in many looks\n'));
    closeSync(held);
    rmSync(join(rootfs, 'tmp/enough'));
  });
});

describe('what hides parts of /proc', () => {
  const masked = (config: Config): void => { config.linux.maskedPaths = ['/proc/version', '/proc/cmdline', '/proc/fs']; };
  const devices = (volume: string) => (config: Config): void => {
    config.mounts = [{ destination: '/proc', type: 'proc', source: 'proc' }, { destination: '/dev', type: 'bind', source: volume, options: ['rbind'] }];
    masked(config);
  };

  it.each(['a file', 'a link', 'another device'])('is a null device, where the image has %s for one (CVE-2025-31133)', (what) => {
    const volume = newVolume();
    const path = join(volume, 'null');
    if (what === 'a file') writeFileSync(path, 'mine\n');
    else if (what === 'a link') symlinkSync('/proc/sys/kernel/core_pattern', path);
    else execFileSync('mknod', [path, 'c', '1', '5']);
    const { stdout } = run(bundle(['sh', '-c', 'stat -c "%F %t:%T" /proc/version /proc/cmdline; ls /proc/fs'], devices(volume)));
    expect(stdout).toBe('character special file 1:3\ncharacter special file 1:3\n');
  });

  it('is one also while it is exchanged', async () => {
    const volume = newVolume();
    execFileSync('mknod', [join(volume, 'null'), 'c', '1', '3']);
    symlinkSync('/proc/sysrq-trigger', join(volume, 'other'));
    await neighbour('swap', join(volume, 'null'), join(volume, 'other'));
    for (let i = 0; i < TRIES; i++) expect(run(bundle(['stat', '-c', '%t:%T', '/proc/version'], devices(volume)))).toMatchObject({ status: 0, stdout: '1:3\n' });
  });

  it('lies where the paths lead: /proc and /sys are no links', () => {
    const own = join(folder, 'linked');
    for (const name of ['bin', 'elsewhere', 'dev']) mkdirSync(join(own, name), { recursive: true });
    copyFileSync('/bin/busybox', join(own, 'bin/busybox'));
    symlinkSync('elsewhere', join(own, 'proc'));
    expect(run(bundle(['busybox', 'true'], (config) => { config.root.path = own; }))).toMatchObject({ status: 1, stderr: 'mount proc on /proc: must be mounted on ordinary directory, and no link\n' });
    rmSync(join(own, 'proc'));
    symlinkSync('elsewhere', join(own, 'sys'));
    const sys = bundle(['busybox', 'true'], (config) => {
      config.root.path = own;
      config.mounts.push({ destination: '/sys', type: 'sysfs', source: 'sysfs' });
      config.linux.maskedPaths = ['/sys/firmware'];
    });
    expect(run(sys)).toMatchObject({ status: 1, stderr: 'mount sysfs on /sys: must be mounted on ordinary directory, and no link\n' });
  });

  it('is not undone by a console that leads elsewhere (CVE-2025-52565)', async () => {
    const volume = newVolume();
    const terminal = (config: Config): void => {
      devices(volume)(config);
      config.mounts.push({ destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] });
      config.process.terminal = true;
    };
    mkdirSync(join(volume, 'pts'));
    execFileSync('mknod', [join(volume, 'null'), 'c', '1', '3']);
    writeFileSync(join(volume, 'console'), '');
    symlinkSync('/proc/sysrq-trigger', join(volume, 'other'));
    const looks = ['sh', '-c', 'grep -c " /proc/sysrq" /proc/mounts; stat -c "%F" /dev/console'];
    await neighbour('swap', join(volume, 'console'), join(volume, 'other'));
    let refused = 0;
    for (let i = 0; i < TRIES / 2; i++) {
      const { status, stdout, stderr } = run(bundle(looks, terminal));
      if (status === 1) { refused++; expect(stderr).toMatch(/^\/dev\/console is a link in this container, where its terminal belongs\n$/); }
      else expect(stdout).toMatch(/^0\n/);
    }
    expect(refused, 'the race was run').toBeGreaterThan(0);
  });

  it('a terminal comes from a devpts alone', () => {
    const volume = newVolume();
    mkdirSync(join(volume, 'pts'));
    execFileSync('mknod', [join(volume, 'pts/ptmx'), 'c', '1', '5']);
    const edit = (config: Config): void => { devices(volume)(config); config.process.terminal = true; };
    expect(run(bundle(['true'], edit))).toMatchObject({ status: 1, stderr: 'no terminal can be made: /dev/pts/ptmx of the container is not that of a devpts\n' });
  });

  it('what is written to /proc goes nowhere else (CVE-2025-52881)', () => {
    const volume = newVolume();
    mkdirSync(join(volume, 'core'));
    writeFileSync(join(volume, 'core/somaxconn'), 'untouched');
    const edit = (...options: string[]) => (config: Config): void => {
      config.mounts.push({ destination: '/proc/sys/net', type: 'bind', source: volume, options: ['rbind', ...options] });
      config.linux.sysctl = { 'net.core.somaxconn': '77' };
    };
    expect(run(bundle(['true'], edit()))).toMatchObject({ status: 1, stderr: 'mount on /proc/sys/net: "/proc/sys/net" cannot be mounted on because it is inside /proc\n' });
    expect(readFileSync(join(volume, 'core/somaxconn'), 'utf8')).toBe('untouched');
    // A /proc that is none at all.
    expect(run(bundle(['true'], (config) => {
      config.mounts[0] = { destination: '/proc', type: 'bind', source: volume, options: ['rbind'] };
      config.linux.sysctl = { 'net.core.somaxconn': '77' };
    }))).toMatchObject({ status: 1, stderr: 'mount on /proc: "/proc" cannot be mounted on because it is not of type proc\n' });
  });
});

describe('nothing stands in for /proc', () => {
  const refused = (where: string, why = 'it is inside /proc'): RegExp => new RegExp(`^mount on [^ ]+: "${where}" cannot be mounted on because ${why}\n$`);
  const said = (edit: (config: Config) => void): { status: number | null; stderr: string } => {
    const { status, stderr } = run(bundle(['cat', '/proc/uptime'], edit));
    return { status, stderr };
  };

  it.each([
    ['a folder of it', { destination: '/proc/sys', type: 'tmpfs', source: 'tmpfs', options: [] }, '/proc/sys'],
    ['a file of it', { destination: '/proc/self/attr/../../version', type: 'bind', source: '/etc/hostname', options: ['bind'] }, '/proc/version'],
    ['another procfs in it', { destination: '/proc/tty', type: 'proc', source: 'proc', options: [] }, '/proc/tty'],
    ['all of it', { destination: '/proc/', type: 'tmpfs', source: 'tmpfs', options: [] }, '/proc'],
    ['a part of it in the place of all', { destination: '/proc', type: 'bind', source: '/proc/sys', options: ['bind'] }, '/proc'],
  ])('%s', (_what, mount, where) => {
    expect(said((config) => { config.mounts.push(mount); })).toEqual({ status: 1, stderr: expect.stringMatching(refused(where, where === '/proc' ? 'it is not of type proc' : undefined)) });
  });

  it('where a link of the image leads there, or before there is one', () => {
    symlinkSync('proc', join(rootfs, 'shown'));
    const mount = (destination: string): Config['mounts'][number] => ({ destination, type: 'tmpfs', source: 'tmpfs', options: [] });
    expect(said((config) => { config.mounts.push(mount('/shown/fs')); })).toEqual({ status: 1, stderr: expect.stringMatching(refused('/proc/fs')) });
    expect(said((config) => { config.mounts.unshift(mount('/proc/fs')); })).toEqual({ status: 1, stderr: expect.stringMatching(refused('/proc/fs')) });
    rmSync(join(rootfs, 'shown'));
    rmSync(join(rootfs, 'proc/fs'), { recursive: true });
  });

  it('but files that count what the container has, and the host\'s own /proc', () => {
    const volume = newVolume();
    writeFileSync(join(volume, 'uptime'), '1.00 2.00\n');
    const { status, stdout } = run(bundle(['cat', '/proc/uptime'], (config) => { config.mounts.push({ destination: '/proc/uptime', type: 'bind', source: join(volume, 'uptime'), options: ['bind'] }); }));
    expect([status, stdout]).toEqual([0, '1.00 2.00\n']);
    expect(said((config) => { config.mounts.push({ destination: '/proc', type: 'bind', source: '/proc', options: ['rbind'] }); })).toEqual({ status: 0, stderr: '' });
  });
});

describe('links that leave the root', () => {
  it('copy nothing out of it, also while they are exchanged', async () => {
    const volume = newVolume();
    const outside = join(folder, 'there');
    for (const path of [join(volume, 'x'), outside, join(rootfs, outside)]) mkdirSync(path, { recursive: true });
    writeFileSync(join(outside, 'file'), 'of the host');
    for (const path of [join(volume, 'x/file'), join(rootfs, outside, 'file')]) writeFileSync(path, 'of the container');
    symlinkSync(outside, join(volume, 'y'));
    const name = bundle(['sleep', '100'], withVolume(volume));
    start(name);
    await neighbour('swap', join(volume, 'x'), join(volume, 'y'));
    const archive = (verb: string, input?: Buffer): Buffer => spawnSync(core, ['archive', verb, '--pid', String(state(name).pid), '--path', verb === 'get' ? '/data/x/file' : '/data/x', '--name', 'file'], { ...(input === undefined ? {} : { input }) }).stdout;
    const bad = execFileSync('tar', ['cf', '-', '--transform', 's,.*,written,', '-C', folder, 'attacker']);
    for (let i = 0; i < TRIES; i++) {
      const bytes = archive('get');
      if (bytes.length > 1000) expect(bytes.toString('latin1')).toContain('of the container');
      expect(bytes.toString('latin1')).not.toContain('of the host');
      archive('put', bad);
    }
    expect(readdirSync(outside)).toEqual(['file']);
  });

  it('run nothing that is not in it', () => {
    const marker = join(folder, 'host-program');
    writeFileSync(marker, '#!/bin/sh\necho of the host\n');
    chmodSync(marker, 0o755);
    for (const [link, target] of [['bin/up', `../../../../../../..${marker}`], ['bin/abs', marker], ['bin/magic', `/proc/1/root${marker}`]] as const) symlinkSync(target, join(rootfs, link));
    const name = bundle(['sleep', '100']);
    start(name);
    for (const link of ['up', 'abs', 'magic']) {
      expect(oci('exec', name, link)).toMatchObject({ status: 127, stdout: '' });
      expect(run(bundle([`/bin/${link}`]))).toMatchObject({ status: 127, stdout: '' });
    }
  });
});

it('what an image\'s bytes make of an error does not steer the terminal it is shown on', () => {
  writeFileSync(join(rootfs, 'bin/steering'), Buffer.concat([Buffer.from('#!/\x1b]0;owned\x07\x1b[2J\u009b2J\r\u00e9'), Buffer.from([0x9b, 0xff]), Buffer.from('\n')]));
  chmodSync(join(rootfs, 'bin/steering'), 0o755);
  const said = 'exec /bin/steering: its interpreter /?]0;owned??[2J??2J is not in the container (its first line ends with a carriage return)\n';
  expect(run(bundle(['steering']))).toMatchObject({ status: 127, stderr: said });
  const log = join(folder, 'steered.log');
  expect(spawnSync(core, ['--root', root, '--log', log, '--log-format', 'json', 'run', '--bundle', join(folder, bundle(['x\n\x1b[2Jy'])), 'steered'], { encoding: 'utf8' }).stderr).toBe("error: exec x??[2Jy: executable file not found in the container's PATH (/bin)\n");
  expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({ msg: expect.stringContaining('exec x??[2Jy: ') as string });
});

it('the session keyring is each process\'s own, not the caller\'s', () => {
  const [own, first, second] = [spawnSync(attacker, ['keyring'], { encoding: 'utf8' }).stdout, run(bundle(['/attacker', 'keyring'])).stdout, run(bundle(['/attacker', 'keyring'])).stdout];
  const name = bundle(['sleep', '100']);
  start(name);
  const executed = oci('exec', name, '/attacker', 'keyring').stdout;
  for (const id of [own, first, second, executed]) expect(Number(id)).toBeGreaterThan(0);
  expect(new Set([own, first, second, executed]).size).toBe(4);
  expect(run(bundle(['/attacker', 'keyring']), '--no-new-keyring').stdout).toBe(own);
});

it('all five sets of capabilities are as asked for', () => {
  const sets = { bounding: ['CAP_KILL', 'CAP_CHOWN', 'CAP_SETUID'], inheritable: ['CAP_KILL', 'CAP_CHOWN'], permitted: ['CAP_KILL', 'CAP_CHOWN'], effective: ['CAP_KILL'], ambient: ['CAP_KILL'] };
  const bits = (names: readonly string[]): string => names.reduce((sum, name) => sum | (1n << BigInt({ CAP_CHOWN: 0, CAP_KILL: 5, CAP_SETUID: 7 }[name] ?? 63)), 0n).toString(16).padStart(16, '0');
  const shown = (user: object): string[] => run(bundle(['grep', 'Cap', '/proc/self/status'], (config) => { config.process.capabilities = sets; config.process.user = user; })).stdout.trim().split('\n').map((line) => line.replace(/\s+/, ' '));
  // execve(2) gives root all that its bounding set and its inheritable one hold (capabilities(7)); another user has what is ambient.
  expect(shown({ uid: 1000, gid: 1000 })).toEqual([`CapInh: ${bits(sets.inheritable)}`, `CapPrm: ${bits(sets.ambient)}`, `CapEff: ${bits(sets.ambient)}`, `CapBnd: ${bits(sets.bounding)}`, `CapAmb: ${bits(sets.ambient)}`]);
  expect(shown({ uid: 0, gid: 0 })).toEqual([`CapInh: ${bits(sets.inheritable)}`, `CapPrm: ${bits(sets.bounding)}`, `CapEff: ${bits(sets.bounding)}`, `CapBnd: ${bits(sets.bounding)}`, `CapAmb: ${bits(sets.ambient)}`]);
});

it('a limit above the hard one is refused in words, where the engine may not raise it', () => {
  const hard = Number(/^Max processes\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  const { status, stdout } = run(bundle(['sh', '-c', 'ulimit -Sn; ulimit -Hn; ulimit -c'], (config) => { config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 512, hard: 600 }, { type: 'RLIMIT_CORE', soft: 0, hard: 0 }]; }));
  expect({ status, stdout }).toEqual({ status: 0, stdout: '512\n600\n0\n' });
  if (Number.isNaN(hard)) return; // unlimited: there is nothing above it
  const raised = run(bundle(['grep', 'processes', '/proc/self/limits'], (config) => { config.process.rlimits = [{ type: 'RLIMIT_NPROC', soft: hard + 1, hard: hard + 1 }]; }));
  const may = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`) >> 24n & 1n; // CAP_SYS_RESOURCE
  if (may) expect(raised.stdout).toContain(` ${hard + 1} `);
  else expect(raised).toMatchObject({ status: 1, stderr: expect.stringContaining('CAP_SYS_RESOURCE') });
});

it('the files that were used are as they were', () => {
  expect(statSync(core).mode & 0o111).toBeGreaterThan(0);
  expect(existsSync('/dev/null') && statSync('/dev/null').isCharacterDevice()).toBe(true);
});
