import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Console } from './console.ts';
import { graphOf } from '../../src/cli/graph-model.ts';
import { dotText, mermaidText } from '../../src/cli/graph-text.ts';
import { desiredOf, loadStack } from '../../src/stack/index.ts';
import { Container, type ContainerStatus } from '../../src/state/container.ts';
import { emptyState, type Desired, type State } from '../../src/state/state.ts';

const FILE = `name: shop
services:
  web: { image: "nginx:1", ports: ["8080:80", "127.0.0.1:53:53/udp"], networks: { front: { ipv4_address: 10.9.0.9 } }, depends_on: { db: { condition: service_healthy }, job: { condition: service_completed_successfully } } }
  db: { image: "db:1", volumes: ["data:/var/lib/db:ro", "/srv:/srv"], deploy: { replicas: 2 }, secrets: [password] }
  job: { image: "job:1", network_mode: "service:db" }
networks: { front: { internal: true, ipam: { config: [{ subnet: 10.9.0.0/24 }] } } }
volumes: { data: {}, old: { external: true } }
secrets: { password: { environment: PASSWORD } }
`;

function load(text: string): Desired {
  const { project, mistakes } = loadStack({ files: ['/s/compose.yaml'], workingDir: '/s', projectName: null, environment: { PASSWORD: 'p' }, profiles: [], envFiles: null, read: (path) => (path === '/s/compose.yaml' ? text : null) });
  expect(mistakes).toEqual([]);
  return desiredOf(project!, { removeOrphans: false });
}

function actual(desired: Desired, states: Readonly<Record<string, readonly Partial<ContainerStatus>[]>>): State {
  const status = { id: 'a'.repeat(64), phase: 'running', pid: 1, exitCode: 0, oomKilled: false, error: '', createdAt: 1, startedAt: 1, finishedAt: 0, health: 'none', healthOutput: '', restarts: 0, restartAt: 0, held: false, addresses: {}, anonymousVolumes: {}, ports: [] };
  const containers = Object.entries(states).flatMap(([service, list]) => list.map((changes, index) => [`shop-${service}-${index + 1}`, Container.parse({
    identity: { owner: 'stack', stack: 'shop', service, slot: index + 1, generation: 1 }, spec: desired.services[service]?.template, status: { ...status, ...changes },
  })] as const));
  return { ...emptyState('shop'), containers: Object.fromEntries(containers) };
}

test('what a stack is made of, and who needs whom', () => {
  expect(mermaidText(graphOf(load(FILE), null))).toBe(`flowchart LR
  n0["db<br/>db:1<br/>2 replicas"]:::unknown
  n1["job<br/>job:1"]:::unknown
  n2["web<br/>nginx:1<br/>8080→80<br/>127.0.0.1:53→53/udp"]:::unknown
  n3(["network shop_default"]):::unknown
  n4(["network shop_front<br/>internal<br/>10.9.0.0/24"]):::unknown
  n5[("volume shop_data")]:::unknown
  n6>"secret shop_password"]:::unknown
  n0 -.-> n3
  n0 -.->|"/var/lib/db (read-only)"| n5
  n0 -.->|"/run/secrets/password"| n6
  n1 --> n0
  n1 -.->|"network of"| n0
  n2 -->|"healthy"| n0
  n2 -->|"completed successfully"| n1
  n2 -.->|"10.9.0.9"| n4
  classDef unknown fill:#ffffff,stroke:#555,color:#000
`);
});

test.each([
  ['all run', { web: [{}] }, 'ready'],
  ['healthy', { web: [{ health: 'healthy' }] }, 'ready'],
  ['not yet healthy', { web: [{ health: 'starting' }] }, 'starting'],
  ['unhealthy', { web: [{ health: 'unhealthy' }] }, 'failed'],
  ['ended well', { web: [{ phase: 'exited' }] }, 'completed'],
  ['ended with an error', { web: [{ phase: 'exited', exitCode: 3 }] }, 'failed'],
  ['its shim died', { web: [{ phase: 'lost' }] }, 'failed'],
  ['not made', {}, 'absent'],
  ['made', { web: [{ phase: 'created' }] }, 'starting'],
  ['one of two', { db: [{}] }, 'starting'],
  ['one of two failed', { db: [{}, { phase: 'exited', exitCode: 1 }] }, 'failed'],
] as const)('the state of a service: %s', (_case, states, expected) => {
  const desired = load(FILE);
  const [service = 'web'] = Object.keys(states);
  expect(graphOf(desired, actual(desired, states)).nodes.find(({ id }) => id === `service ${service}`)?.state).toBe(expected);
});

test('words that would end a label, or command a terminal, are only words', () => {
  const graph = { version: 1, stack: 's', edges: [], nodes: [{ id: 'service a', kind: 'service', name: 'a', details: ['"]; evil \\ <b> \u001b[2J\n'], state: 'unknown' }] } as const;
  expect(dotText(graph)).toContain('[label="a\\n\\"]; evil \\\\ <b>  [2J ", shape=box');
  expect(mermaidText(graph)).toContain('n0["a<br/>#34;]; evil \\ #60;b#62;  [2J "]:::unknown');
});

let cli: Console;
beforeEach(async () => {
  cli = await new Console().open();
  cli.write('compose.yaml', FILE);
});
afterEach(() => cli.close());

test('the format is asked for, or as the file ends; a picture is one', async () => {
  expect([await cli.run('graph', '--format', 'json'), cli.err]).toEqual([0, '']);
  expect(JSON.parse(cli.out)).toMatchObject({ version: 1, stack: 'shop' });
  expect([await cli.run('graph', '-o', join(cli.folder, 'shop.svg')), cli.err]).toEqual([0, '']);
  const svg = readFileSync(join(cli.folder, 'shop.svg'), 'utf8');
  expect(svg).toMatch(/<svg [^]*<title>service web<\/title>[^]*<\/svg>/);
  expect([await cli.run('graph', '--format', 'png')]).toEqual([1]);
  expect(cli.err).toContain('Expected dot, mermaid, svg, json');
  cli.err = '';
  expect(await cli.run('graph', '-o', join(cli.folder, 'no/such/shop.svg'))).toBe(1);
  expect(cli.err).toMatch(/cannot write .*ENOENT/);
});
