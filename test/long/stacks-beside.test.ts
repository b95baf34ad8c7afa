import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatMistake, loadStack } from '../../src/stack/index.ts';
import { corpus } from '../peers/corpus.ts';
import { bayplan, build, Machine, top } from '../root/harness.ts';

// Public examples brought up by docker compose with Docker and by bayplan, and looked at through the same API: what a user can see of both is the same.
const script = process.env['BAYPLAN_BENCH_DOCKER'] ?? resolve(import.meta.dirname, '../../../shared/bench/docker-engine');
const files = join(corpus, 'files');
const why = !existsSync(script) ? ` (skipped: there is no Docker engine at ${script})` : !existsSync(files) ? ` (skipped: there are no files at ${files})` : '';

/** Folder, and what it is chosen for. */
const STACKS: readonly (readonly [folder: string, file: string, args: readonly string[]])[] = [
  ['docker+awesome-compose/nginx-flask-mysql', 'compose.yaml', []], // secrets, two networks, a health check that is waited for, volumes
  ['docker+awesome-compose/react-express-mongodb', 'compose.yaml', []], // anonymous volumes, binds, expose
  ['docker+awesome-compose/nginx-golang-postgres', 'compose.yaml', []], // secrets, health check, depends_on
  ['docker+awesome-compose/elasticsearch-logstash-kibana', 'compose.yaml', []], // several networks, ulimits, udp ports
  ['docker+awesome-compose/react-java-mysql', 'compose.yaml', []], // secrets, networks
  ['docker+awesome-compose/nginx-nodejs-redis', 'compose.yaml', []], // links
  ['docker+awesome-compose/prometheus-grafana', 'compose.yaml', []], // env, binds, restart, names
  ['docker+awesome-compose/nextcloud-redis-mariadb', 'compose.yaml', []], // expose, volumes, restart
  ['docker+awesome-compose/wordpress-mysql', 'compose.yaml', []], // env, volumes, restart
  ['sameersbn+docker-gitlab', 'docker-compose.yml', []], // long environments, named volumes
  ['docker+compose/pkg/e2e/testdata/TestUpProfile', 'compose.yaml', ['--profile', '*']], // profiles
  ['docker+compose/pkg/e2e/testdata/TestInitContainer', 'compose.yaml', []], // service_completed_successfully
];

type Data = Readonly<Record<string, unknown>>;

function data(value: unknown): Data {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** GET of the Docker Engine API. */
function get(socketPath: string, path: string): Promise<unknown> {
  return new Promise((done, fail) => {
    request({ socketPath, path, timeout: 20_000 }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part)).on('end', () => { done(JSON.parse(Buffer.concat(parts).toString() || 'null')); });
    }).on('error', fail).end();
  });
}

/** What stands in for the images: a program that goes on until it is told to end, a check that succeeds; ports where nobody else is. Answers the services and whom they wait for. */
function standIn(folder: string, file: string): ReadonlyMap<string, readonly string[]> {
  const { project, mistakes } = loadStack({
    files: [join(folder, file)], workingDir: folder, projectName: null, environment: {}, profiles: ['*'], envFiles: null, read: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : null),
  });
  if (project === null) throw new Error(mistakes.map(formatMistake).join('\n'));
  for (const { file: path } of [...Object.values(project.secrets), ...Object.values(project.configs)]) {
    if (path === undefined || existsSync(path)) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'a secret');
  }
  const ends = new Set(Object.values(project.services).flatMap(({ depends_on: needs = {} }) => Object.entries(needs).filter(([, { condition }]) => condition === 'service_completed_successfully').map(([name]) => name)));
  const services = Object.entries(project.services).map(([name, service]) => {
    const program = ends.has(name) ? 'exit 0' : "trap 'exit 3' TERM; while :; do sleep 0.1; done";
    const ports = (service.ports ?? []).map(({ host_ip: ip, target, published, protocol }) => `"${ip === undefined ? '' : `${ip}:`}${published === undefined ? '' : `${String(20_000 + (Number(published.split('-')[0]) % 10_000))}:`}${String(target)}/${protocol ?? 'tcp'}"`);
    return `  ${name}:\n    image: bayplan/hello\n    build: !reset null\n    platform: !reset null\n    user: !reset null\n    working_dir: !reset null\n    entrypoint: !override [sh, -c]\n    command: !override ["${program}"]\n    stop_signal: !reset null\n`
      + (service.healthcheck === undefined ? '' : '    healthcheck: !override {test: [CMD, "true"], interval: 1s}\n') + (ports.length > 0 ? `    ports: !override [${ports.join(', ')}]\n` : '');
  });
  writeFileSync(join(folder, 'stand-in.yaml'), `services:\n${services.join('')}`);
  return new Map(Object.entries(project.services).map(([name, { depends_on: needs = {} }]) => [name, Object.keys(needs)]));
}

/** Without what is another each time, or says where it runs. */
const PASSING = /^com\.docker\.compose\.(version|config-hash|image|project\.(config_files|working_dir|environment_file))$/;
const labels = (value: unknown): Data => Object.fromEntries(Object.entries(data(value)).filter(([key]) => !PASSING.test(key)).map(([key, each]) => [key, key === 'com.docker.compose.depends_on' ? text(each).split(',').sort().join() : each] as const).sort());
const serviceOf = (each: Data): string => text(data(data(each['Config'])['Labels'])['com.docker.compose.service']);
const sorted = (values: readonly string[]): readonly string[] => [...values].sort();
const anonymous = (name: string): string => (/^[0-9a-f]{64}$/.test(name) ? 'ANONYMOUS' : name);

/**
 * What is left out, since the two differ in it on purpose or for now:
 * - secrets and configs: Docker shows a bind of the file, here they are on a tmpfs of the container's and no mount;
 * - `[::]` beside `0.0.0.0`: Docker's proxy answers there for a container without IPv6, here ports are published in the families that the container has.
 */
function container(found: Data): Data {
  const [config, host, state] = [data(found['Config']), data(found['HostConfig']), data(found['State'])];
  const id = text(found['Id']).slice(0, 12);
  return {
    name: found['Name'], image: config['Image'], env: sorted(list(config['Env']).map(text)), labels: labels(config['Labels']), command: [found['Path'], found['Args']], user: config['User'], exposed: Object.keys(data(config['ExposedPorts'])).map((port) => (port.includes('/') ? port : `${port}/tcp`)).sort(), workingDir: config['WorkingDir'],
    hostname: text(config['Hostname']) === id ? 'ID' : config['Hostname'], tty: config['Tty'],
    mounts: list(found['Mounts']).map(data).filter((mount) => !text(mount['Destination']).startsWith('/run/secrets/')).map((mount) => `${text(mount['Type'])} ${anonymous(text(mount['Name']))} ${mount['Type'] === 'bind' ? text(mount['Source']).replace(/^\/host\//, '/') : ''} ${text(mount['Destination'])} ${String(mount['RW'])} ${text(mount['Propagation'])}`).sort(),
    ports: Object.entries(data(data(found['NetworkSettings'])['Ports'])).filter(([, bindings]) => list(bindings).length > 0).map(([port, bindings]) => `${port} ${sorted(list(bindings).map(data).filter((binding) => text(binding['HostIp']) !== '::').map((binding) => `${text(binding['HostIp'])}:${text(binding['HostPort'])}`)).join()}`).sort(),
    networks: Object.entries(data(data(found['NetworkSettings'])['Networks'])).map(([name, endpoint]) => `${name} ${sorted([...new Set(list(data(endpoint)['Aliases']).map(text).filter((alias) => alias !== id))]).join()} ${text(data(endpoint)['IPAddress']) === '' ? 'no address' : 'an address'}`).sort(),
    restart: host['RestartPolicy'], readOnly: host['ReadonlyRootfs'], privileged: host['Privileged'], capAdd: host['CapAdd'] ?? [], capDrop: host['CapDrop'] ?? [], extraHosts: host['ExtraHosts'] ?? [], memory: host['Memory'], cpus: host['NanoCpus'],
    ulimits: list(host['Ulimits']).map(data).map(({ Name, Soft, Hard }) => `${String(Name)} ${String(Soft)} ${String(Hard)}`).sort(),
    state: state['Status'], exit: state['ExitCode'], checked: state['Health'] !== undefined && state['Health'] !== null,
  };
}

interface Side { readonly socket: string; readonly run: (args: readonly string[]) => Promise<{ readonly code: number; readonly out: string }>; readonly exec: ((service: string, command: string) => Promise<string>) | null }

/** What there is of the stack: containers, networks and volumes, by name. */
async function look({ socket }: Side, project: string): Promise<{ readonly containers: readonly Data[]; readonly networks: readonly unknown[]; readonly volumes: readonly unknown[] }> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${project}`] }));
  const ids = list(await get(socket, `/containers/json?all=1&filters=${filters}`)).map((each) => text(data(each)['Id']));
  const containers = (await Promise.all(ids.map((id) => get(socket, `/containers/${id}/json`)))).map(data).sort((a, b) => (text(a['Name']) < text(b['Name']) ? -1 : 1));
  const networks = list(await get(socket, `/networks?filters=${filters}`)).map(data).map(({ Name, Driver, Internal, EnableIPv6, Labels }) => ({ Name, Driver, Internal, EnableIPv6, Labels: labels(Labels) })).sort((a, b) => (text(a.Name) < text(b.Name) ? -1 : 1));
  const volumes = list(data(await get(socket, `/volumes?filters=${filters}`))['Volumes']).map(data).map(({ Name, Driver, Labels }) => ({ Name: anonymous(text(Name)), Driver, Labels: labels(Labels) })).sort((a, b) => (a.Name < b.Name ? -1 : 1));
  return { containers, networks, volumes };
}

/** A stack's life: what was seen of it at each point. */
async function live(side: Side, project: string, needs: ReadonlyMap<string, readonly string[]>): Promise<Data> {
  const up = await side.run(['up', '-d']);
  const { containers, networks, volumes } = await look(side, project);
  const startedAt = new Map(containers.map((each) => [serviceOf(each), text(data(each['State'])['StartedAt'])]));
  const early = [...needs].flatMap(([name, needed]) => needed.filter((other) => Date.parse(startedAt.get(other) ?? '') > Date.parse(startedAt.get(name) ?? '')).map((other) => `${name} was started before ${other}`));
  const reached: Record<string, string> = {};
  for (const name of needs.keys()) {
    const [running, networksOf] = [containers.filter((each) => data(each['State'])['Running'] === true), (each: Data): readonly string[] => Object.keys(data(data(each['NetworkSettings'])['Networks']))];
    const found = running.find((each) => serviceOf(each) === name);
    if (found === undefined) continue;
    // With Docker: who is on a network of its; here: who answers.
    reached[name] = side.exec === null ? [...needs.keys()].filter((other) => running.some((each) => serviceOf(each) === other && networksOf(each).some((network) => networksOf(found).includes(network)))).join(' ')
      : (await side.exec(name, `for n in ${[...needs.keys()].join(' ')}; do ping -c 1 -w 2 $n >/dev/null 2>&1 && echo $n; done`)).trim().replaceAll('\n', ' ');
  }
  const stop = await side.run(['stop', '-t', '5']);
  const stopped = (await look(side, project)).containers.map((each) => `${text(each['Name'])} ${text(data(each['State'])['Status'])} ${String(data(each['State'])['ExitCode'])}`);
  const down = await side.run(['down']);
  const after = await look(side, project);
  const again = await side.run(['down', '-v']);
  const last = await look(side, project);
  return {
    codes: [up.code, stop.code, down.code, again.code], containers: containers.map(container), networks, volumes, early, reached, stopped,
    afterDown: { containers: after.containers.length, networks: after.networks, volumes: after.volumes }, afterDownVolumes: { containers: last.containers.length, networks: last.networks, volumes: last.volumes },
  };
}

describe.skipIf(why !== '')(`public examples side by side${why}`, () => {
  const machine = new Machine();
  const seen = new Map<string, { docker?: Data; ours?: Data }>();
  let before: readonly string[] = [];
  const tables = (): readonly string[] => execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n').map((line) => line.replace(/^table /, '')).filter((table) => /^ip6? /.test(table));

  beforeAll(async () => {
    const stacks = STACKS.map(([folder, file, args], index) => {
      const copy = join(machine.folder, 'stacks', `beside${String(index)}`);
      mkdirSync(copy, { recursive: true });
      cpSync(join(files, folder), copy, { recursive: true });
      return { folder, copy, file, args, project: `beside${String(index)}`, needs: standIn(copy, file) };
    });
    const of = (copy: string, file: string, project: string): readonly string[] => ['-p', project, '-f', join(copy, file), '-f', join(copy, 'stand-in.yaml')];
    const archive = execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello', '--out', join(build, 'images')], { encoding: 'utf8' }).trim();
    before = tables();
    const socket = execFileSync(script, ['start'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().replace('unix://', '');
    try {
      execFileSync(script, ['in', 'docker', 'load', '-i', `/host${archive}`], { stdio: 'ignore' });
      for (const { folder, copy, file, args, project, needs } of stacks) {
        const run: Side['run'] = (more) => {
          const { status, stdout, stderr } = spawnSync(script, ['compose', ...of(`/host${copy}`, file, project), ...args, ...more], { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
          if (status !== 0) console.warn(`${folder} with docker: ${more.join(' ')}: ${stderr}`);
          return Promise.resolve({ code: status ?? -1, out: stdout });
        };
        seen.set(folder, { docker: await live({ socket, run, exec: null }, project, needs) });
      }
    } finally {
      spawnSync(script, ['stop'], { stdio: 'ignore' });
      for (const table of tables()) if (!before.includes(table)) execFileSync('nft', ['delete', 'table', ...table.split(' ')]);
    }
    await machine.open();
    await machine.loadHello();
    await machine.close();
    await bayplan(['--root', machine.root, 'image', 'ls']); // starts the engine
    for (const { folder, copy, file, args, project, needs } of stacks) {
      const run: Side['run'] = async (more) => {
        const { code, stdout, stderr } = await bayplan(['--root', machine.root, ...of(copy, file, project), ...args, ...more], { cwd: copy });
        if (code !== 0) console.warn(`${folder}: ${more.join(' ')}: ${stderr}`);
        return { code, out: stdout };
      };
      const exec: Side['exec'] = async (service, command) => (await run(['exec', '-T', service, 'sh', '-c', command])).out;
      seen.set(folder, { ...seen.get(folder), ours: await live({ socket: machine.paths.socket, run, exec }, project, needs) });
    }
    await bayplan(['--root', machine.root, 'engine', 'stop']);
  }, 600_000);
  afterAll(() => machine.dispose());

  test.each(STACKS.map(([folder]) => folder))('%s', (folder) => {
    const { docker, ours } = seen.get(folder) ?? {};
    expect(ours).toEqual(docker);
    expect(list(docker?.['containers']).length).toBeGreaterThan(0);
  });
});
