import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { encodeName, framed, header, query, readMessage, reply, TYPE } from './dns-messages.ts';
import { DnsContainer, Nameserver, type Received } from './dns-world.ts';
import { eventually } from './harness.ts';

const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const REPLICAS = ['10.9.0.2', '10.9.0.3', '10.9.0.4'];
const MANY = Array.from({ length: 60 }, (_, index) => `10.9.1.${index + 1}`);
const FRONT = [
  ['web', '10.9.0.2'], ['web', '10.9.0.3'], ['web', '10.9.0.4'], ['demo-web-1', '10.9.0.2'], ['db.local', '10.9.0.9'], ['dual', '10.9.0.6'], ['dual', 'fd00:9::6'], ['both', '10.9.0.5'],
  ...MANY.map((address) => ['many', address] as const),
] as const;
const BACK = [['cache', '10.8.0.2'], ['both', '10.8.0.5']] as const;
const datas = ({ answers }: { answers: readonly { data: string }[] }): string[] => answers.map(({ data }) => data);
const refuse = ({ bytes }: Received): Buffer[] => [reply(bytes, { flags: 0x8185 })];
const echo = ({ bytes }: Received): Buffer[] => [reply(bytes, { addresses: ['192.0.2.1'] })];

let upstream: Nameserver;
let second: Nameserver;
let container: DnsContainer;
let internal: DnsContainer;
let linked: DnsContainer;
beforeAll(async () => {
  [upstream, second] = await Promise.all([Nameserver.listen(echo), Nameserver.listen(echo)]);
  [container, internal, linked] = await Promise.all([
    DnsContainer.start([FRONT, BACK], [upstream.address, second.address]), DnsContainer.start([FRONT], null), DnsContainer.start([FRONT], null, ['--dns-link', 'database=db.local']),
  ]);
});
beforeEach(() => {
  for (const server of [upstream, second]) {
    server.answers = echo;
    server.received.length = 0;
  }
});
afterAll(async () => {
  await Promise.all([container, internal, linked, upstream, second].map((one) => one.close()));
});

describe('names of the zones', () => {
  test('a name is answered with its address, as authority, for a few seconds', async () => {
    expect(await container.ask('demo-web-1', 'A')).toMatchObject({
      id: 0x1234, rcode: RCODE.NOERROR, authoritative: true, recursion: true, truncated: false, question: 'demo-web-1',
      answers: [{ name: 'demo-web-1', type: TYPE.A, ttl: 5, data: '10.9.0.2' }],
    });
    expect(upstream.received).toEqual([]);
  });

  test('all replicas are answered, and each comes first in its turn, also where AAAA is asked in between', async () => {
    const first: (string | undefined)[] = [];
    for (let count = 0; count < 6; count++) {
      const addresses = datas(await container.ask('web', 'A'));
      expect([...addresses].sort()).toEqual(REPLICAS);
      await container.ask('web', 'AAAA');
      first.push(addresses[0]);
    }
    expect(first.slice(0, 3).sort()).toEqual(REPLICAS);
    expect(first.slice(3)).toEqual(first.slice(0, 3));
  });

  test('case makes no difference, and the question comes back in its own', async () => {
    expect(await container.ask('DB.Local', 'A')).toMatchObject({ question: 'DB.Local', answers: [{ data: '10.9.0.9' }] });
  });

  test('a type that a known name does not have is no answer, not a missing name', async () => {
    expect(await container.ask('web', 'AAAA')).toMatchObject({ rcode: RCODE.NOERROR, answers: [] });
    expect(await internal.ask('web', 'TXT')).toMatchObject({ rcode: RCODE.NOERROR, answers: [] });
    expect(upstream.received).toEqual([]);
  });

  test('a name may have IPv4 and IPv6 addresses, and each type is answered with its own', async () => {
    expect(datas(await container.ask('dual', 'A'))).toEqual(['10.9.0.6']);
    expect(datas(await container.ask('dual', 'AAAA'))).toEqual(['fd00:9::6']);
  });

  test('an address leads back to its name', async () => {
    expect(await container.ask('4.0.9.10.in-addr.arpa', 'PTR')).toMatchObject({ rcode: RCODE.NOERROR, answers: [{ type: TYPE.PTR, data: 'web' }] });
    expect(datas(await container.ask('6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.0.0.0.0.0.D.F.ip6.arpa', 'PTR'))).toEqual(['dual']);
    expect(datas(await container.ask('2.0.8.10.in-addr.arpa', 'PTR'))).toEqual(['cache']);
  });

  test('of several zones the first that has the name answers', async () => {
    expect(datas(await container.ask('cache', 'A'))).toEqual(['10.8.0.2']);
    expect(datas(await container.ask('both', 'A'))).toEqual(['10.9.0.5']);
  });

  test('a zone that was replaced is seen at once', async () => {
    container.setZone(1, [...BACK, ['later', '10.8.0.7']]);
    expect(datas(await container.ask('later', 'A'))).toEqual(['10.8.0.7']);
    container.setZone(1, [...BACK, ['later', '10.8.0.8']]);
    expect(datas(await container.ask('later', 'A'))).toEqual(['10.8.0.8']);
    container.setZone(1, BACK);
    expect(datas(await container.ask('later', 'A'))).toEqual(['192.0.2.1']);
  });

  test('glibc resolves them in the container', async () => {
    const inside = async (...command: string[]): Promise<string> => {
      const { stdout } = await promisify(execFile)('nsenter', ['-t', String(container.pid), '--net', '--mount', '--root', ...command], { env: { PATH: '/usr/bin' } });
      return stdout;
    };
    expect(await inside('getent', 'ahosts', 'cache')).toMatch(/^10\.8\.0\.2 +STREAM cache$/m);
    expect((await inside('getent', 'ahosts', 'many')).match(/STREAM/g)).toHaveLength(MANY.length);
    expect(await inside('getent', 'hosts', '10.9.0.9')).toMatch(/^10\.9\.0\.9 +db\.local$/m);
    expect(await inside('getent', 'ahosts', 'example.com')).toMatch(/^192\.0\.2\.1 +STREAM example\.com$/m);
  });
});

describe('other names', () => {
  test('are asked of the nameserver, each with an id and from a port of its own, and answered under the client\'s id', async () => {
    for (const id of [7, 8, 9]) expect(await container.ask('www.example.com', 'A', { id })).toMatchObject({ id, rcode: RCODE.NOERROR, answers: [{ data: '192.0.2.1' }] });
    expect(datas(await container.ask('router', 'A'))).toEqual(['192.0.2.1']);
    const received = [...upstream.received, ...second.received];
    expect(received.map(({ question }) => question.name)).toEqual(['www.example.com', 'www.example.com', 'www.example.com', 'router']);
    expect(new Set(received.map(({ question }) => question.id)).size).toBe(4);
    expect(new Set(received.map(({ port }) => port)).size).toBe(4);
  });

  test('are not found on an internal network, by UDP and TCP', async () => {
    expect(await internal.ask('www.example.com', 'A')).toMatchObject({ rcode: RCODE.NXDOMAIN, recursion: false, answers: [] });
    expect(await internal.ask('router', 'AAAA', { protocol: 'tcp' })).toMatchObject({ rcode: RCODE.NXDOMAIN });
  });

  test('a name whose label holds a dot is not the name in a zone', async () => {
    const odd = Buffer.concat([header(1, 0x100, [1, 0, 0, 0]), Buffer.from([8]), Buffer.from('db.local'), Buffer.from([0, 0, 1, 0, 1])]);
    const { replies: [first] } = await internal.send('udp', odd, 1);
    expect(first && readMessage(first)).toMatchObject({ rcode: RCODE.NXDOMAIN });
  });

  test('forged answers are not taken: another id, another question, none', async () => {
    upstream.answers = second.answers = ({ bytes }) => [
      reply(bytes, { id: bytes.readUInt16BE(0) ^ 1, addresses: ['198.51.100.1'] }),
      reply(bytes, { question: Buffer.concat([encodeName('www.example.org'), Buffer.from([0, 1, 0, 1])]), addresses: ['198.51.100.2'] }),
      bytes,
      Buffer.alloc(3),
      reply(bytes, { addresses: ['192.0.2.7'] }),
    ];
    expect(datas(await container.ask('www.example.com', 'A'))).toEqual(['192.0.2.7']);
    expect(upstream.received.length + second.received.length).toBe(1);
  });

  test('an answer that was cut is passed on, and asked for again by TCP', async () => {
    upstream.answers = second.answers = ({ protocol, bytes }) => [protocol === 'udp' ? reply(bytes, { flags: 0x8380 }) : reply(bytes, { addresses: MANY })];
    expect(await container.ask('big.example.com', 'A')).toMatchObject({ truncated: true, answers: [] });
    expect(datas(await container.ask('big.example.com', 'A', { protocol: 'tcp' }))).toEqual(MANY);
    expect([...upstream.received, ...second.received].map(({ protocol }) => protocol)).toEqual(['udp', 'tcp']);
  });

  test('an answer that is longer than the client takes is cut', async () => {
    upstream.answers = second.answers = ({ bytes }) => [reply(bytes, { addresses: MANY })];
    expect(await container.ask('big.example.com', 'A')).toMatchObject({ truncated: true, question: 'big.example.com', answers: [] });
    expect(datas(await container.ask('big.example.com', 'A', { edns: 1232 }))).toEqual(MANY);
  });

  test('of a server that refuses, the next one is asked; where all do, the client hears SERVFAIL', async () => {
    upstream.answers = refuse;
    expect(datas(await container.ask('www.example.com', 'A'))).toEqual(['192.0.2.1']);
    second.answers = ({ bytes }) => [reply(bytes, { flags: 0x8182 })];
    expect(await container.ask('www.example.com', 'A')).toMatchObject({ id: 0x1234, rcode: RCODE.SERVFAIL, question: 'www.example.com' });
    expect(await container.ask('www.example.com', 'A', { protocol: 'tcp' })).toMatchObject({ rcode: RCODE.SERVFAIL });
  });

  test('a silent server costs its time once, and the one that answers is asked first from then on', async () => {
    second.answers = refuse;
    await container.ask('www.example.com', 'A'); // now the first one is asked first
    upstream.answers = () => [];
    second.answers = echo;
    upstream.received.length = 0;
    for (const name of ['a.example.com', 'b.example.com', 'c.example.com']) expect(datas(await container.ask(name, 'A'))).toEqual(['192.0.2.1']);
    expect(upstream.received.map(({ question }) => question.name)).toEqual(['a.example.com']);
  });

  test('where no server says anything the client hears SERVFAIL before it gives up', async () => {
    for (const server of [upstream, second]) server.answers = () => [];
    const before = performance.now();
    expect(await container.ask('www.example.com', 'A')).toMatchObject({ rcode: RCODE.SERVFAIL });
    expect(performance.now() - before).toBeLessThan(5000);
    expect([upstream.received.length, second.received.length]).toEqual([1, 1]);
  });

  test('beyond 256 at once clients hear SERVFAIL, while the zones\' names are answered', async () => {
    for (const server of [upstream, second]) server.answers = () => [];
    const outstanding: Promise<unknown>[] = [];
    let ended = 0;
    for (let batch = 1; batch <= 4; batch++) {
      for (let count = 0; count < 64; count++) outstanding.push(container.ask('www.example.com', 'A').then(({ rcode }) => (ended++, rcode)));
      await vi.waitFor(() => expect(upstream.received.length + second.received.length).toBeGreaterThanOrEqual(batch * 64), { timeout: 3000, interval: 5 });
    }
    expect(await container.ask('www.example.com', 'A')).toMatchObject({ rcode: RCODE.SERVFAIL });
    expect(datas(await container.ask('cache', 'A'))).toEqual(['10.8.0.2']);
    expect(ended).toBe(0);
    expect(await Promise.all(outstanding)).toEqual(outstanding.map(() => RCODE.SERVFAIL));
    for (const server of [upstream, second]) server.answers = echo;
    expect(datas(await container.ask('www.example.com', 'A'))).toEqual(['192.0.2.1']);
  });
});

describe('options of one container', () => {
  test('a link is a name for another one, and no more', async () => {
    expect(datas(await linked.ask('Database', 'A'))).toEqual(['10.9.0.9']);
    expect((await linked.ask('data', 'A')).rcode).toBe(RCODE.NXDOMAIN);
    expect((await internal.ask('database', 'A')).rcode).toBe(RCODE.NXDOMAIN);
  });

  test('nameservers that it names are asked instead of the host\'s', async () => {
    const own = await DnsContainer.start([FRONT], [second.address], ['--dns-server', upstream.address]);
    try {
      expect(datas(await own.ask('www.example.com', 'A'))).toEqual(['192.0.2.1']);
      expect([upstream.received.length, second.received.length]).toEqual([1, 0]);
    } finally {
      await own.close();
    }
  });

  test('the host\'s nameservers are those of this moment', async () => {
    const own = await DnsContainer.start([FRONT], [second.address]);
    try {
      await own.ask('www.example.com', 'A');
      own.setNameservers([upstream.address]);
      expect(datas(await own.ask('www.example.com', 'A'))).toEqual(['192.0.2.1']);
      expect([second.received.length, upstream.received.length]).toEqual([1, 1]);
      own.setNameservers([]);
      expect((await own.ask('www.example.com', 'A')).rcode).toBe(RCODE.NXDOMAIN);
    } finally {
      await own.close();
    }
  });
});

describe('port 53', () => {
  test('of all addresses is the container\'s own, UDP and TCP, beside the responder', async () => {
    expect(await container.bind(53)).toEqual({ udp: true, tcp: true });
    expect(datas(await container.ask('cache', 'A'))).toEqual(['10.8.0.2']);
    expect(datas(await container.ask('cache', 'A', { protocol: 'tcp' }))).toEqual(['10.8.0.2']);
  });
});

describe('sizes', () => {
  test('more than 512 bytes are cut for a client without EDNS, which gets them by TCP', async () => {
    const cut = await container.ask('many', 'A');
    expect(cut).toMatchObject({ truncated: true, opt: null });
    expect(cut.answers.length).toBeGreaterThan(20);
    expect(datas(await container.ask('many', 'A', { protocol: 'tcp' })).sort()).toEqual([...MANY].sort());
  });

  test('a client with EDNS gets them whole, with an OPT of ours', async () => {
    const whole = await container.ask('many', 'A', { edns: 1232, dnssecOk: true });
    expect(whole).toMatchObject({ truncated: false, opt: { size: 4096, upperRcode: 0, dnssecOk: true } });
    expect(datas(whole).sort()).toEqual([...MANY].sort());
  });

  test('an EDNS version that is not known is answered BADVERS', async () => {
    expect(await container.ask('web', 'A', { edns: 1232, version: 1 })).toMatchObject({ rcode: 0, answers: [], opt: { upperRcode: 1 } });
  });
});

describe('TCP', () => {
  test('a connection takes several queries, also at once and in pieces', async () => {
    const all = Buffer.concat(['cache', 'www.example.com', 'both'].map((name, id) => framed(query(name, 'A', { id }))));
    const { replies } = await container.send('tcp', all, 3);
    expect(replies.map(readMessage).map((message) => [message.id, ...datas(message)])).toEqual([[0, '10.8.0.2'], [1, '192.0.2.1'], [2, '10.9.0.5']]);
  });

  test('idle connections lock nobody out', async () => {
    const idle = Array.from({ length: 40 }, () => container.send('tcp', Buffer.from([0]), 1, 2000));
    // One of the idle may come just after the question and take its place before it is read: then it is asked again.
    await eventually(async () => expect(datas(await container.ask('cache', 'A', { protocol: 'tcp' }))).toEqual(['10.8.0.2']));
    expect((await Promise.all(idle)).filter(({ closed }) => closed).length).toBeGreaterThanOrEqual(24);
  });
});

test('a responder that was killed comes back, also beside a container that never stops writing', async () => {
  const chatty = await DnsContainer.start([BACK], null, ['--log-max', '65536'], ['/usr/bin/sh', '-c', 'while :; do echo line; done']);
  try {
    const killed = chatty.responder;
    process.kill(killed, 'SIGKILL');
    await eventually(() => expect([0, killed]).not.toContain(chatty.responder));
    expect(datas(await chatty.ask('cache', 'A'))).toEqual(['10.8.0.2']);
  } finally {
    await chatty.close();
  }
});

describe('hostile bytes', () => {
  test('what is no query gets no answer, what is a wrong one gets an error, and the responder lives', async () => {
    const responder = container.responder;
    const good = query('web', 'A');
    const answer = Buffer.from(good);
    answer.writeUInt16BE(0x8180, 2);
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(5), Buffer.alloc(11, 255), answer]) expect((await container.send('udp', bytes, 1, 100)).replies).toEqual([]);

    const loop = Buffer.concat([header(1, 0x100, [1, 0, 0, 0]), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
    const opcode = Buffer.from(good);
    opcode.writeUInt16BE(0x2900, 2);
    const wrong: readonly (readonly [Buffer, number])[] = [
      [good.subarray(0, good.length - 3), RCODE.FORMERR], [loop, RCODE.FORMERR], [header(1, 0x100, [2, 0, 0, 0]), RCODE.FORMERR], [opcode, RCODE.NOTIMP],
      [Buffer.concat([query('web', 'A', { edns: 512 }).subarray(0, -1), Buffer.from([9])]), RCODE.FORMERR],
      [Buffer.concat([good, Buffer.alloc(2000)]), RCODE.FORMERR],
    ];
    for (const [bytes, rcode] of wrong) {
      const { replies: [first] } = await container.send('udp', bytes, 1);
      expect(first && readMessage(first)).toMatchObject({ rcode, answers: [] });
    }
    expect((await container.send('tcp', Buffer.from([0xff, 0xff, 0]), 1)).closed).toBe(true);
    expect((await container.send('tcp', framed(Buffer.alloc(3)), 1)).closed).toBe(true);
    expect(container.responder).toBe(responder);
  });

  test('random ones do no harm, and cost no memory', async () => {
    const responder = container.responder;
    await Promise.all(Array.from({ length: 500 }, (_, seed) => container.send('udp', noise(seed), 1, 50)));
    expect(datas(await container.ask('cache', 'A'))).toEqual(['10.8.0.2']);
    expect(container.responder).toBe(responder);
    const own = /^Pss_Anon: +(\d+) kB$/m.exec(readFileSync(`/proc/${responder}/smaps_rollup`, 'utf8'));
    expect(Number(own?.[1])).toBeLessThan(1024);
  });
});

/** A query with some bytes changed, cut or added, the same for the same seed. */
function noise(seed: number): Buffer {
  let state = seed + 1;
  const random = (below: number): number => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  const bytes = Buffer.concat([query('web.example.com', 'A', { edns: 1232 }), Buffer.alloc(random(40), random(256))]);
  for (let count = 1 + random(6); count > 0; count--) bytes[random(bytes.length)] = random(256);
  return bytes.subarray(0, random(bytes.length + 1));
}
