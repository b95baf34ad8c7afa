import { beforeAll, describe, expect, it } from 'vitest';
import { factsFromGuest, GUEST_SECONDS } from './in-guest.ts';
import type { Facts } from './nfs-scenario.ts';

let facts: Facts;
beforeAll(async () => {
  facts = await factsFromGuest('nfs-scenario');
}, (GUEST_SECONDS + 60) * 1000);

describe('volumes on NFS', () => {
  it('are mounted once each, by name or address, in the version that the server has or the options say', () => {
    expect(facts.use.up).toMatchObject({ code: 0, stderr: '' });
    expect(facts.use.mounts).toEqual([
      expect.stringMatching(/^nfs_shared\/_data nfs4 rw,.*\bvers=4\.2\b.*\btimeo=100\b.*\baddr=127\.0\.0\.1\b/),
      expect.stringMatching(/^nfs_old\/_data nfs ro,.*\bvers=3\b.*\bsoft\b.*\bnolock\b/),
    ]);
  });

  it('are one for all containers, the host and the server', () => {
    expect(facts.use.written).toBe('written\n');
    expect(facts.use.host).toBe('served\n');
    expect(facts.use.shared).toMatchObject({ code: 0, stdout: 'served\nwritten\nserved\n' });
    expect(facts.use.readOnly).toMatchObject({ code: 1, stderr: expect.stringContaining('Read-only file system') as string });
    expect(facts.use.again).toMatchObject({ code: 0, stdout: 'nothing to do\n' });
  });

  it('keep their options until they are removed, and the plan says so', () => {
    expect(facts.drift.plan).toMatchObject({ code: 0, stdout: 'note: volume nfs_shared keeps what it was made with (driverOpts.o: "rw,timeo=100" → "ro"): remove it to have it made anew\nnothing to do\n' });
  });

  it('are found again after the engine was killed', () => {
    expect(facts.killed.before).toHaveLength(2);
    expect(facts.killed.plan).toMatchObject({ code: 0, stdout: 'nothing to do\n' });
    expect(facts.killed.after).toEqual(facts.killed.before);
  });
});

describe('servers that do not answer', () => {
  it('end `up` within their bounds, with errors that name them, and hold up nobody else', () => {
    expect(facts.away.mounted).toMatchObject({ code: 0 });
    expect(facts.away.stopped).toMatchObject({ code: 0 });
    expect(facts.away.output).toContain('volume away_far: 198.51.100.9:/srv (type nfs, options vers=4.2,addr=198.51.100.9) cannot be mounted: server 198.51.100.9 does not answer (14 s)');
    expect(facts.away.output).toContain('container away-bind-1 (image bayplan/hello): bind source /mnt/folder/deep (for /data) does not answer (15 s)');
    expect(facts.away.ms).toBeLessThan(25_000);
    expect(facts.away.free.stdout).toContain('"running"');
    expect(facts.away.free.ms).toBeLessThan(10_000);
  });

  it('are detached by `down`, which does not hang', () => {
    expect(facts.down.commands.map(({ code, stderr }) => ({ code, stderr }))).toEqual([{ code: 0, stderr: '' }, { code: 0, stderr: '' }]);
    for (const { ms } of facts.down.commands) expect(ms).toBeLessThan(20_000);
    expect([facts.down.mounts, facts.down.left]).toEqual([[], []]);
    expect(facts.down.remove).toMatchObject({ code: 0 });
    expect(facts.down.volumes).toEqual(['away_far']);
    expect(facts.down.engineLog).toBe('');
  });
});
