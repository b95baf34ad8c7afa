import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerClient } from '../peers/docker-client.ts';
import { DockerMachine } from '../peers/docker-machine.ts';
import { query, readMessage, type Type } from '../root/dns-messages.ts';
import { dockerSideMissing, withDocker } from './docker-side.ts';

// Names and addresses as containers resolve them, asked of Docker's engine and of ours, both set up by the stock client.
const AGENT = new URL('../root/dns-agent.mjs', import.meta.url).pathname;
/** What is run before anything is asked; ID stands for the container `db`'s short id afterwards. */
const SET_UP: readonly string[] = [
  'network create --internal --subnet 10.217.9.0/24 front', 'network create --internal --subnet 10.217.10.0/24 back', 'network create --internal --ipv6 --subnet 10.217.11.0/24 --subnet fd00:217:11::/64 six',
  'run -d --name asker --network front --ip 10.217.9.2 --network-alias me bayplan/hello sleep 1000',
  'run -d --name db --hostname db-host --network front --ip 10.217.9.10 --network-alias store --network-alias Store.Example bayplan/hello sleep 1000',
  'run -d --name web1 --network front --ip 10.217.9.11 --network-alias web bayplan/hello sleep 1000', 'run -d --name web2 --network front --ip 10.217.9.12 --network-alias web bayplan/hello sleep 1000',
  'run -d --name hidden --network back --ip 10.217.10.2 bayplan/hello sleep 1000', 'run -d --name gone --network front --ip 10.217.9.13 bayplan/hello sleep 1000', 'stop -t 0 gone',
  'run -d --name dual --network six --ip 10.217.11.5 --ip6 fd00:217:11::5 bayplan/hello sleep 1000', 'network connect --ip 10.217.11.2 --ip6 fd00:217:11::2 six asker', 'network connect --alias late --ip 10.217.9.14 front hidden',
  'run -d --name fresh --network front --ip 10.217.9.15 bayplan/hello sleep 1000', 'rename fresh renamed',
];
const back = (address: string): string => `${address.split('.').reverse().join('.')}.in-addr.arpa`;
const SIX = `5.${'0.'.repeat(19)}1.1.0.0.7.1.2.0.0.0.d.f.ip6.arpa`;

const QUESTIONS: readonly (readonly [name: string, type: Type])[] = [
  ...['db', 'DB', 'store', 'STORE.example', 'web', 'web1', 'asker', 'me', 'ID', 'db.front', 'store.front', 'web.front', 'ID.front', 'late', 'hidden', 'dual', 'dual.six', 'renamed'].map((name) => [name, 'A'] as const),
  ...['db-host', 'gone', 'gone.front', 'hidden.back', 'nosuch', 'db.back', 'db.nosuch', 'fresh'].map((name) => [name, 'A'] as const),
  ...['db', 'web', 'dual', 'dual.six', 'nosuch', 'gone'].map((name) => [name, 'AAAA'] as const),
  ...['10.217.9.2', '10.217.9.10', '10.217.9.11', '10.217.9.12', '10.217.9.14', '10.217.11.5', '10.217.11.2', '10.217.9.15'].map((address) => [back(address), 'PTR'] as const), [SIX, 'PTR'],
  ...['10.217.9.13', '10.217.9.99', '10.217.10.2', '10.217.9.1'].map((address) => [back(address), 'PTR'] as const), [`a.${SIX.slice(2)}`, 'PTR'],
];

/** `found`: Docker says of what it does not know on such a network that it has failed (SERVFAIL), we that there is none (NXDOMAIN), since musl asks again and again after the former. */
interface Said { readonly found: boolean; readonly question: string; readonly answers: readonly string[] }

/** The answers of the responder in the network namespace of `pid`, one for each question, as text. */
async function askAll(pid: string, id: string): Promise<readonly (Said | null)[]> {
  const agent = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, AGENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const lines = createInterface({ input: agent.stdout })[Symbol.asyncIterator]();
    const said: (Said | null)[] = [];
    for (const [name, type] of QUESTIONS) {
      agent.stdin.write(`${JSON.stringify({ id: 0, protocol: 'udp', hex: query(name.replace('ID', id), type).toString('hex'), replies: 1, wait: 6000 })}\n`);
      const { value } = await lines.next();
      const { replies: [hex] }: { replies: readonly string[] } = JSON.parse(String(value));
      if (hex === undefined) { said.push(null); continue; }
      const { rcode, question, answers } = readMessage(Buffer.from(hex, 'hex'));
      said.push({ found: rcode === 0, question: question.replace(id, 'ID'), answers: answers.map((answer) => `${String(answer.type)} ${answer.name.replace(id, 'ID')} ${answer.data.replace(id, 'ID')}`).sort() });
    }
    return said;
  } finally {
    agent.kill('SIGKILL');
  }
}

async function live(docker: ReturnType<typeof dockerClient>): Promise<readonly (Said | null)[]> {
  for (const line of SET_UP) {
    const { status, err } = await docker(line.split(' '));
    if (status !== 0) throw new Error(`${line}: ${err}`);
  }
  const inspect = async (format: string, name: string): Promise<string> => (await docker(['inspect', '-f', format, name])).out.trim();
  try {
    return await askAll(await inspect('{{.State.Pid}}', 'asker'), (await inspect('{{.Id}}', 'db')).slice(0, 12));
  } finally {
    await docker(['rm', '-f', 'asker', 'db', 'web1', 'web2', 'hidden', 'gone', 'dual', 'renamed']);
    await docker(['network', 'rm', 'front', 'back', 'six']);
  }
}

describe.skipIf(dockerSideMissing !== '')(`names and addresses, side by side${dockerSideMissing}`, () => {
  const machine = new DockerMachine();
  const home = mkdtempSync(join(tmpdir(), 'bayplan-names-'));
  let docker: readonly (Said | null)[] = [];
  let ours: readonly (Said | null)[] = [];

  beforeAll(async () => {
    docker = await withDocker(home, (socket) => live(dockerClient(socket, home)));
    await machine.open();
    ours = await live(machine.docker);
  }, 300_000);
  afterAll(async () => {
    await machine.dispose();
    rmSync(home, { recursive: true });
  });

  test.each(QUESTIONS.map(([name, type], index) => ({ name, type, index })))('$type $name', ({ index }) => {
    expect(ours[index]).toEqual(docker[index]);
  });
});
