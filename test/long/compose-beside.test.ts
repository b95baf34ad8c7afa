import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bayplan, build, Machine, top } from '../root/harness.ts';

// Every verb of docker compose on one small stack, by the real one and by ours: exit codes, and what is printed once ids and times are taken out.
const script = process.env['BAYPLAN_BENCH_DOCKER'] ?? resolve(import.meta.dirname, '../../../shared/bench/docker-engine');
const why = existsSync(script) ? '' : ` (skipped: there is no Docker engine at ${script})`;
const STACK = `
name: beside
services:
  web:
    image: bayplan/hello
    command: [sh, -c, "trap 'exit 7' TERM; trap 'true' USR1; echo hi; while :; do sleep 0.1; done"]
    ports: ["127.0.0.1:18139:80"]
    volumes: ["data:/data"]
    depends_on: [db]
  db: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL}
  once: {image: bayplan/hello, command: [sh, -c, "exit 3"]}
volumes: {data: }
`;

/** What of a command's output is compared: all of it, its first line, the fields of its JSON (`values` with what is in them), or nothing. */
type Compare = 'text' | 'head' | 'code' | readonly string[];
const row = (command: string, compare: Compare = 'code'): { readonly command: string; readonly compare: Compare } => ({ command, compare });
const PS = ['Name', 'Names', 'Service', 'State', 'ExitCode', 'Image', 'Command', 'Health', 'Project', 'LocalVolumes', 'Mounts', 'Networks', 'Size'];

const TABLE = [
  row('up -d'), row('wait-once'),
  row('ps', 'text'), row('ps -a', 'text'), row('ps --services', 'text'), row('ps -q', 'text'), row('ps --status exited', 'text'), row('ps --filter status=paused', 'text'), row('ps nosuch'), row('ps -a --format json', PS),
  row('ls', 'text'), row('ls --format json', ['Name', 'Status', 'ConfigFiles']), row('ls -q', 'text'), row('ls -a', 'text'),
  row('images', 'head'), row('images --format json', ['ContainerName', 'Repository', 'Tag', 'Platform']),
  row('volumes', 'text'), row('volumes -q', 'text'), row('volumes --format json', ['Name', 'Driver', 'Scope', 'Size', 'Status', 'Links', 'Group', 'Availability']),
  row('port web 80', 'text'), row('port web 81'), row('port --protocol udp web 80'), row('port nosuch 80'), row('port --index 2 web 80'),
  row('top db', 'head'), row('stats --no-stream', 'head'), row('stats --no-stream --format json db', ['Name', 'PIDs', 'ID', 'Container']),
  row('pause web'), row('ps --format json web', PS), row('pause web'), row('exec -T web true'), row('unpause web'), row('unpause web'),
  row('stop db'), row('stop db'), row('stop nosuch'), row('start db'), row('start db'), row('start nosuch'), row('restart db'), row('restart nosuch'), row('ps -a', 'text'),
  row('kill -s USR1 web'), row('kill db'), row('kill db'), row('kill nosuch'), row('ps -a --format json', PS), row('start db'),
  row('rm -f'), row('ps -a --services', 'text'), row('rm -f db'), row('rm -fs db'), row('ps -a --services', 'text'), row('create'), row('ps -a --format json', PS),
  row('scale web=1 db=2'), row('ps', 'text'), row('scale web'), row('scale nosuch=2'),
  row('exec -T --index 2 db echo hi', 'text'), row('exec -T --index 9 db true'), row('exec -T nosuch true'), row('exec -T db sh -c {exit 9}'), row('exec -T -e A=b -w /tmp db sh -c {echo $A; pwd}', 'text'),
  row('cp FOLDER/compose.yaml db:/tmp/x'), row('cp db:/tmp/x FOLDER/copy'), row('cp db:/nosuch FOLDER/copy'), row('cp FOLDER/nosuch db:/tmp'), row('cp FOLDER/copy db:/no/such'), row('cp nosuch:/a FOLDER/copy'),
  row('export -o FOLDER/all.tar db'), row('export nosuch'),
  row('logs --no-color web', 'text'), row('logs --no-log-prefix --tail 1 web', 'text'), row('logs --no-color --since 1h --index 1 web', 'text'), row('logs nosuch'),
  row('attach nosuch'), row('attach once'),
  row('run --rm -T db echo one', 'text'), row('run --rm -T db sh -c {exit 4}'), row('run --rm -T nosuch true'), row('run --rm -T -l a=b -e X=1 --entrypoint {sh -c} db {echo $X}', 'text'), row('ps -a', 'text'),
  row('up -d --scale db=1'), row('ps web db', 'text'), row('up -d --force-recreate db'), row('up -d --no-recreate'), row('up -d --wait --wait-timeout 20'), row('up -d nosuch'), row('up -d --scale nosuch=1'),
  row('up --abort-on-container-exit'), row('up --exit-code-from once'), row('up --exit-code-from web --abort-on-container-exit'), row('ps -a --format json', PS),
  row('up -d'), row('wait nosuch'), row('down --rmi local -t 0 once'), row('ps -a --services', 'text'), row('down -v -t 0'), row('volumes -q', 'text'), row('down'),
  row('ps', 'text'), row('ls -a', 'text'), row('stop'), row('start'), row('rm -f'), row('kill'), row('images -q', 'text'), row('top', 'text'), row('pause'), row('unpause'), row('port web 80'), row('exec -T web true'), row('wait web'), row('version --short'),
];

interface Seen { readonly code: number; readonly out: string }

/** `{…}` is one word. */
function words(command: string, folder: string): readonly string[] {
  return [...command.matchAll(/\{([^}]*)\}|(\S+)/g)].map(([, quoted, word]) => (quoted ?? word ?? '').replace('FOLDER', folder));
}

/** Without what differs from one run to the next: ids, times, where the stack file is. */
function plain(out: string): string {
  return out.replaceAll('/host/', '/').replace(/\b[0-9a-f]{64}\b/g, 'ID').replace(/\b[0-9a-f]{12}\b/g, 'ID').replace(/(Less than a second|About a minute|\d+ (seconds?|minutes?))( ago)?/g, 'TIME').replace(/ {2,}/g, ' | ').replace(/[ |]+$/gm, '');
}

function values(out: string, fields: readonly string[]): readonly object[] {
  const lines = out.startsWith('[') ? JSON.parse(out) as unknown[] : out.trim().split('\n').filter((line) => line !== '').map((line): unknown => JSON.parse(line));
  const found = lines.filter((line) => typeof line === 'object' && line !== null).map((line) => Object.fromEntries(Object.entries(line)));
  return found.map((line) => Object.fromEntries(fields.map((field) => [field, typeof line[field] === 'string' ? plain(line[field]) : line[field]])));
}

function compared({ code, out }: Seen, compare: Compare): unknown {
  if (compare === 'code') return { code };
  if (compare === 'head') return { code, head: plain(out).split('\n')[0] };
  if (compare === 'text') return { code, text: plain(out) };
  return { code, values: values(out, compare).map((value) => JSON.stringify(value)).sort() };
}

describe.skipIf(why !== '')(`side by side${why}`, () => {
  const machine = new Machine();
  const folder = join(machine.folder, 'stack');
  const seen: { docker: Seen[]; ours: Seen[] } = { docker: [], ours: [] };
  let before: readonly string[] = [];
  const tables = (): readonly string[] => execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n').map((line) => line.replace(/^table /, '')).filter((table) => /^ip6? /.test(table));

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'compose.yaml'), STACK);
    const archive = execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello', '--out', join(build, 'images')], { encoding: 'utf8' }).trim();
    before = tables();
    execFileSync(script, ['start'], { stdio: 'ignore' });
    execFileSync(script, ['in', 'docker', 'load', '-i', `/host${archive}`], { stdio: 'ignore' });
    for (const { command } of TABLE) {
      if (command === 'wait-once') {
        spawnSync('sleep', ['0.5']);
        seen.docker.push({ code: 0, out: '' });
        continue;
      }
      const { status, stdout } = spawnSync(script, ['compose', '-f', `/host${folder}/compose.yaml`, ...words(command, `/host${folder}`)], { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
      seen.docker.push({ code: status ?? -1, out: stdout });
    }
    spawnSync(script, ['stop'], { stdio: 'ignore' });
    for (const table of tables()) if (!before.includes(table)) execFileSync('nft', ['delete', 'table', ...table.split(' ')]);

    await machine.open();
    await machine.loadHello();
    await machine.close();
    for (const { command } of TABLE) {
      if (command === 'wait-once') {
        spawnSync('sleep', ['0.5']);
        seen.ours.push({ code: 0, out: '' });
        continue;
      }
      const { code, stdout } = await bayplan(['--root', machine.root, '--file', join(folder, 'compose.yaml'), ...words(command, folder)], { cwd: folder });
      seen.ours.push({ code, out: stdout });
    }
    await bayplan(['--root', machine.root, 'engine', 'stop']);
  }, 600_000);
  afterAll(() => machine.dispose());

  test.each(TABLE.map(({ command, compare }, index) => ({ name: `${index} ${command}`, index, command, compare })))('$name', ({ index, compare }) => {
    expect(compared(seen.ours[index]!, compare)).toEqual(compared(seen.docker[index]!, compare));
  });
});
