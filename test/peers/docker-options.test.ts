import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWherePresent, rootMissing } from '../where-present.ts';
import { dockerMissing } from './docker-client.ts';
import { DockerMachine } from './docker-machine.ts';

// Options of `docker run`, as the container itself sees them in /proc and /sys, many in one start; and what the client's other commands say of such containers.
const v1 = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');

describeWherePresent([dockerMissing, rootMissing], 'docker run\'s options', () => {
  const world = new DockerMachine();
  const { machine } = world;
  const host = join(machine.folder, 'host');
  const docker = async (...args: readonly string[]): Promise<string> => {
    const { status, out, err } = await world.docker(args);
    expect([status, err, args.slice(0, 4)]).toEqual([0, '', args.slice(0, 4)]);
    return out;
  };
  const refused = async (...args: readonly string[]): Promise<string> => {
    const { status, err } = await world.docker(args);
    expect([[0].includes(status), args.slice(0, 6)]).toEqual([false, args.slice(0, 6)]);
    return err.split('\n')[0]?.replace(/^(docker: )?Error response from daemon: /, '') ?? '';
  };
  const each = async (options: readonly string[], looks: Readonly<Record<string, string>>, image = 'rich'): Promise<void> => {
    const script = Object.keys(looks).map((look, index) => `echo "== ${index}"; { ${look}; } 2>&1`).concat('true').join('\n');
    const said = (await docker('run', '--rm', ...options, '--entrypoint', '/bin/sh', image, '-c', script)).split(/^== \d+\n/m).slice(1);
    expect(Object.fromEntries(Object.keys(looks).map((look, index) => [look, (said[index] ?? '').trim()]))).toEqual(looks);
  };

  beforeAll(async () => {
    mkdirSync(join(host, 'sub'), { recursive: true });
    writeFileSync(join(host, 'file'), 'of the host\n');
    await world.open();
    await docker('run', '-d', '--name', 'base', '--hostname', 'basehost', '-v', 'lent:/lent', 'bayplan/hello', 'sh', '-c', 'mkdir -p /vol/sub; echo seed > /vol/file; chown 33:33 /vol/file; exec sleep 1000');
    await docker('exec', 'base', 'sh', '-c', 'until [ -e /vol/file ]; do usleep 1000; done');
    const changes = ['ENV FROM=image GONE=image', 'EXPOSE 81/udp', 'EXPOSE 8000-8001', 'LABEL img=yes', 'HEALTHCHECK --interval=1h --timeout=3s --retries=4 CMD true', 'USER www-data', 'WORKDIR /www', 'STOPSIGNAL SIGUSR1', 'CMD ["sleep","1000"]'];
    await docker('commit', ...changes.flatMap((change) => ['-c', change]), 'base', 'rich');
  });
  afterAll(() => world.dispose());

  it('of the process', async () => {
    await each(['-e', 'GONE', '-e', 'FROM=cli', '-e', 'EMPTY=', '--group-add', '5', '-h', 'box', '--domainname', 'dom.example', '--ulimit', 'nofile=64:128', '--oom-score-adj', '500', '--security-opt', 'no-new-privileges', '--cap-drop', 'ALL', '--cap-add', 'CHOWN', '--init'], {
      'env | grep -E "^(GONE|FROM|EMPTY)" | sort': 'EMPTY=\nFROM=cli', 'id -u; id -G': '33\n33 5', pwd: '/www', 'hostname; cat /proc/sys/kernel/domainname': 'box\ndom.example', 'ulimit -Sn; ulimit -Hn': '64\n128',
      'cat /proc/self/oom_score_adj': '500', 'grep -E "^(NoNewPrivs|CapBnd|CapEff)" /proc/self/status': 'CapEff:\t0000000000000000\nCapBnd:\t0000000000000001\nNoNewPrivs:\t1', 'cat /proc/1/comm': 'init',
    });
    await each(['--entrypoint', '', '-u', '5:6', '-w', '/made/deep', '--privileged'], { 'id -u; id -g; pwd': '5\n6\n/made/deep', 'grep -E "^(Seccomp:|CapEff)" /proc/self/status': 'CapEff:\t0000000000000000\nSeccomp:\t0' });
  });

  it('of its file systems', async () => {
    await each(['-u', '0', '--read-only', '--tmpfs', '/t:size=1m,mode=700,exec', '--mount', 'type=tmpfs,dst=/u,tmpfs-size=2m,tmpfs-mode=0750,readonly', '-v', `${host}:/h:ro`, '--mount', `type=bind,src=${host},dst=/p,bind-propagation=private,bind-recursive=disabled`,
      '--mount', 'type=volume,src=optioned,dst=/o,volume-label=a=b,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m', '-v', 'seeded:/vol', '--volumes-from', 'base:ro', '--mount', 'type=image,src=bayplan/hello,dst=/i,image-subpath=etc', '--shm-size', '5m'], {
      'touch /x /etc/hosts': 'touch: /x: Read-only file system\ntouch: /etc/hosts: Read-only file system', 'stat -c %a /t /u': '700\n750', 'grep -E " /(t|u|o) " /proc/mounts | sed "s/,.*size=/ /;s/k.*/k/" | sort': 'tmpfs /o tmpfs rw 1024k\ntmpfs /t tmpfs rw 1024k\ntmpfs /u tmpfs ro 2048k',
      'cat /h/file; touch /h/x': 'of the host\ntouch: /h/x: Read-only file system', 'touch /p/made && rm /p/made && echo writable': 'writable', 'stat -c %u:%g /vol/file': '33:33', 'touch /lent/x': 'touch: /lent/x: Read-only file system', 'ls /i/passwd': '/i/passwd',
      'df -k /dev/shm | tail -n1 | awk "{print \\$2}"': '5120',
    });
    expect(await docker('volume', 'inspect', '-f', '{{json .Labels}} {{json .Options}}', 'optioned')).toBe('{"a":"b"} {"device":"tmpfs","o":"size=1m","type":"tmpfs"}\n');
    expect(await refused('run', '--rm', '-v', 'twice:/f', '--mount', 'type=tmpfs,dst=/f', 'rich')).toBe('Duplicate mount point: /f');
    expect(await refused('run', '--rm', '-v', `${host}/file:/proc/version`, 'rich')).toMatch(/mount on \/proc\/version: "\/proc\/version" cannot be mounted on because it is inside \/proc$/);
  });

  it.runIf(v1)(`of its cgroup${v1 ? '' : ' (skipped: no controllers of cgroup v1)'}`, async () => {
    await each(['-m', '64m', '--memory-swap', '96m', '--memory-reservation', '32m', '--memory-swappiness', '10', '--cpu-quota', '5000', '--cpu-period', '20000', '-c', '300', '--pids-limit', '30', '--cpuset-cpus', '0', '--cpuset-mems', '0', '--device-cgroup-rule', 'c 10:237 r', '--device', '/dev/loop0:/dev/disk:r', '-u', '0'], {
      'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.swappiness': `${64 << 20}\n${96 << 20}\n${32 << 20}\n10`,
      'cd /sys/fs/cgroup; cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares pids/pids.max cpuset/cpuset.cpus cpuset/cpuset.mems': '5000\n20000\n300\n30\n0\n0', 'grep -E "10:(200|237)" /sys/fs/cgroup/devices/devices.list': 'c 10:200 rwm\nc 10:237 r',
      'stat -c "%F %t:%T" /dev/disk; (: > /dev/disk)': 'block special file 7:0\n/bin/sh: can\'t create /dev/disk: Operation not permitted',
    });
  });

  it('of its network', async () => {
    await docker('network', 'create', '--subnet', '10.219.7.0/24', 'opt');
    await docker('run', '-d', '--name', 'near', '--network', 'opt', 'bayplan/hello', 'sleep', '1000');
    await each(['-u', '0', '--network', 'name=opt,ip=10.219.7.77,mac-address=02:42:ac:11:00:97,alias=me,driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1', '--link', 'near:aka', '--dns-search', 'a.example', '--dns-option', 'ndots:3', '--add-host', 'far:1.2.3.4', '--sysctl', 'net.ipv4.ip_forward=1'], {
      'cat /sys/class/net/eth0/address /proc/sys/net/ipv4/conf/eth0/log_martians /proc/sys/net/ipv4/ip_forward': '02:42:ac:11:00:97\n1\n1', 'ip -o -4 addr show eth0 | awk "{print \\$4}"': '10.219.7.77/24', 'ping -c1 -w5 aka >/dev/null && echo reached': 'reached',
      'ping -c1 -w5 me | head -n1 | cut -d" " -f1-3': 'PING me (10.219.7.77):', 'grep -E "^(search|options)" /etc/resolv.conf': 'search a.example\noptions ndots:3', 'grep -w far /etc/hosts': '1.2.3.4\tfar',
    });
    expect(await refused('run', '--rm', '--network', 'opt', '--ip6', 'fd00::1', 'rich')).toMatch(/it has no IPv6, so fd00::1 cannot be had there/);
    expect(await refused('run', '--rm', '--link', 'nosuch:x', 'rich')).toBe('could not get container for nosuch: No such container: nosuch');
    expect(await refused('run', '--rm', '--volumes-from', 'nosuch', 'rich')).toBe('No such container: nosuch');
    expect((await world.docker(['run', '--rm', '--network', 'host', '-p', '18388:80', 'bayplan/hello', 'true'])).err).toBe('WARNING: Published ports are discarded when using host network mode\n');
    await docker('rm', '-f', 'near');
    await docker('network', 'rm', 'opt');
  });

  describe('other commands', () => {
    it('ps finds containers by each filter, and says how large they are', async () => {
      await docker('run', '-d', '--name', 'found', '--expose', '4444', '--health-interval', '2h', '--label', 'a=b', '-v', 'kept:/kept', 'rich');
      const ps = async (...filters: readonly string[]): Promise<string> => (await docker('ps', ...filters.flatMap((filter) => ['--filter', filter]), '--format', '{{.Names}}')).trim().split('\n').sort().join(' ');
      const bridge = (await docker('network', 'inspect', '-f', '{{.Id}}', 'bridge')).trim();
      const image = (await docker('images', '-q', 'rich')).trim();
      for (const [filter, names] of [
        ['ancestor=rich', 'found'], ['ancestor=bayplan/hello', 'base found'], [`ancestor=${image}`, 'found'], ['expose=4444', 'found'], ['expose=8000-8001/tcp', 'found'], ['expose=4444/udp', ''], [`network=${bridge}`, 'base found'], ['network=nosuch', ''], ['volume=kept', 'found'], ['volume=/lent', 'base'],
        ['is-task=true', ''], ['is-task=false', 'base found'], ['before=found', 'base'], ['since=base', 'found'], ['health=none', 'base'], ['label=a=b', 'found'], ['name=^fo', 'found'],
      ] as const) expect([filter, await ps(filter)]).toEqual([filter, names]);
      for (const wrong of ['is-task=x', 'expose=nonsense', 'publish=99999', 'before=nosuch', 'health=x']) expect(await refused('ps', '--filter', wrong)).not.toBe('');
      expect(await docker('ps', '--filter', 'name=found', '--format', '{{.Ports}}')).toBe('4444/tcp, 81/udp, 8000-8001/tcp\n');
      expect(await docker('ps', '-s', '--filter', 'name=found', '--format', '{{.Size}}')).toMatch(/^[\d.]+k?B \(virtual [\d.]+MB\)\n$/);
      expect(await docker('inspect', '-s', '-f', '{{.SizeRw}} {{.SizeRootFs}}', 'found')).toMatch(/^\d+ \d{6,}\n$/);
      expect(await docker('inspect', '-f', '{{json .Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Timeout}} {{.Config.Healthcheck.Retries}}', 'found')).toBe('["CMD-SHELL","true"] 2h0m0s 3s 4\n');
      await docker('rm', '-fv', 'found');
    });

    it('attach refuses keys that there are not', async () => {
      expect((await world.docker(['attach', '--no-stdin', '--detach-keys', 'ctrl-nonsense', 'base'])).err).toContain('400');
    });

    it('logs --details has what the logging options name', async () => {
      await docker('run', '--name', 'told', '--label', 'a=1', '--label', 'b=2', '-e', 'B=x y', '--log-opt', 'labels=a', '--log-opt', 'env-regex=^B$', '--log-opt', 'tag={{.Name}}', 'bayplan/hello', 'echo', 'line');
      expect(await docker('logs', '--details', 'told')).toBe('B=x+y,a=1,tag=told line\n');
      await docker('rm', 'told');
    });

    it('prune takes what its filters leave', async () => {
      for (const [name, ...options] of [['kept', '--label', 'keep'], ['gone']] as const) await docker('create', '--name', `pruned-${name}`, ...options, 'bayplan/hello', 'true');
      expect(await docker('container', 'prune', '-f', '--filter', 'until=10m')).toBe('Total reclaimed space: 0B\n');
      expect((await docker('container', 'prune', '-f', '--filter', 'label!=keep')).split('\n')).toHaveLength(5);
      expect(await docker('ps', '-a', '--filter', 'name=pruned', '--format', '{{.Names}}')).toBe('pruned-kept\n');
      expect(await docker('system', 'prune', '-f', '--filter', 'until=1h')).toContain('Total reclaimed space');
      await docker('rm', 'pruned-kept');
    });

    it('import makes an image of an archive, plain or gzip, and none of what is no archive', async () => {
      const archive = join(machine.folder, 'files.tar');
      await docker('export', '-o', archive, 'base');
      expect(await docker('import', '-c', 'CMD ["cat","/vol/file"]', '-c', 'ENV X=1', '-m', 'a message', archive, 'imported:1')).toMatch(/^sha256:[0-9a-f]{64}\n$/);
      expect(await docker('run', '--rm', 'imported:1')).toBe('seed\n');
      expect(await docker('image', 'inspect', '-f', '{{.Comment}} {{json .Config.Env}} {{len .RootFS.Layers}} {{.Architecture}}', 'imported:1')).toMatch(/^a message \["X=1"\] 1 (amd64|arm64)\n$/);
      execFileSync('gzip', ['-1', archive]);
      expect(await docker('import', `${archive}.gz`, 'imported:2')).toMatch(/^sha256:/);
      expect(await docker('run', '--rm', 'imported:2', 'stat', '-c', '%u:%g', '/vol/file')).toBe('33:33\n');
      await docker('rmi', 'imported:1', 'imported:2');
      const before = await docker('images', '-q');
      for (const [bytes, why] of [['no archive\n'.repeat(100), /tar/], ['', /empty/], [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]), /zstd/]] as const) {
        writeFileSync(archive, bytes);
        expect(await refused('import', archive, 'imported:3')).toMatch(why);
      }
      expect(await refused('import', '-c', 'NONSENSE x', `${archive}.gz`)).toContain('NONSENSE');
      expect(await docker('images', '-q')).toBe(before);
    });
  });
});
