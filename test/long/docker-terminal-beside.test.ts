import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DockerMachine } from '../peers/docker-machine.ts';
import { Terminal } from '../root/terminal.ts';
import { dockerSideMissing, withDocker } from './docker-side.ts';

// The stock client on a terminal, against Docker's engine and ours: what is shown, exit codes, and the terminal afterwards.
interface Talk { readonly command: string; readonly steps?: readonly (readonly [shows: RegExp, then: string | { readonly columns: number; readonly rows: number }])[] }
interface Heard { readonly shown: string; readonly status: string; readonly restored: boolean }

const WHEN_SIZE = (size: string): string => `until [ "$(stty size)" = "${size}" ]; do sleep 0.05; done`;
const TALKS: readonly Talk[] = [
  { command: `run --rm -it bayplan/hello sh -c '${WHEN_SIZE('40 100')}; echo ready; read x; echo got:$x; exit 7'`, steps: [[/ready/, 'hello\r']] },
  { command: `run --rm -it bayplan/hello sh -c '${WHEN_SIZE('40 100')}; echo ready; ${WHEN_SIZE('50 120')}; echo resized; exit 3'`, steps: [[/ready/, { columns: 120, rows: 50 }]] },
  { command: `run --rm -it bayplan/hello sh -c 'trap "echo interrupted; exit 5" INT; echo ready; while :; do sleep 0.1; done'`, steps: [[/ready/, '\x03']] },
  { command: `run --rm -it bayplan/hello sh -c 'echo ready; cat; exit 4'`, steps: [[/ready/, 'a line\r'], [/a line\r\na line/, '\x04']] },
  { command: 'run --rm -it bayplan/hello nosuch' },
  { command: `run -it --name left bayplan/hello sh -c '(while :; do echo tick; sleep 0.1; done) & read x; echo got:$x; exit 6'`, steps: [[/tick/, '\x10\x11']] },
  { command: 'attach left', steps: [[/tick/, 'again\r']] },
  { command: `run -dit --name held --detach-keys ctrl-x,y bayplan/hello sh -c '(while :; do echo tick; sleep 0.1; done) & read x; exit 8'` },
  { command: 'attach --detach-keys ctrl-a,x held', steps: [[/tick/, '\x01x']] },
  { command: `exec -it held sh -c '${WHEN_SIZE('40 100')}; echo ready; ${WHEN_SIZE('30 90')}; read x; exit 9'`, steps: [[/ready/, { columns: 90, rows: 30 }], [/ready/, 'x\r']] },
  { command: `exec -it held sh -c 'echo ready; sleep 1000'`, steps: [[/ready/, '\x10\x11']] },
  { command: `exec -it held sh -c 'echo ready; sleep 1000'`, steps: [[/ready/, '\x03']] },
  { command: `exec -it held sh -c 'kill -9 $$'` },
  { command: 'exec -it held nosuch' },
  { command: 'exec -it nosuch true' },
  { command: 'attach held', steps: [[/tick/, 'x\r']] },
  { command: 'start -ai held', steps: [[/tick/, 'x\r']] },
  { command: 'rm left held' },
];

/** Holds all talks, one after the other; all on terminals of 100 columns and 40 rows. */
async function hold(socket: string, home: string): Promise<readonly Heard[]> {
  const all: Heard[] = [];
  for (const { command, steps = [] } of TALKS) {
    const terminal = new Terminal(`stty -g; echo; docker -H unix://${socket} ${command}; echo "status $?"; stty -g`, { HOME: home, TERM: 'xterm' });
    for (const [shows, then] of steps) {
      await terminal.shows(shows);
      if (typeof then === 'string') terminal.type(then);
      else terminal.resize(then.columns, then.rows);
    }
    await terminal.exit;
    const [, before, shown = '', status = '', after] = /([0-9a-f:]+)\r\n\r\n(.*)status (\d+)\r\n([0-9a-f:]+)\r\n$/s.exec(terminal.output) ?? [];
    all.push({ shown: plain(shown), status, restored: before !== undefined && before === after });
  }
  return all;
}

/** What beats as it likes, ids, and each engine's own words for a command that is not there, do not count. */
function plain(shown: string): string {
  return shown.replaceAll('tick\r\n', '').replace(/\b[0-9a-f]{64}\b/g, 'ID').replace(/unix:\/\/\S+/g, 'SOCKET').replace(/^.*executable file not found.*[\r\n]*/m, 'NOT FOUND\n');
}

describe.skipIf(dockerSideMissing !== '')(`the stock client on a terminal, side by side${dockerSideMissing}`, () => {
  const machine = new DockerMachine();
  const home = mkdtempSync(join(tmpdir(), 'bayplan-beside-'));
  let docker: readonly Heard[] = [];
  let ours: readonly Heard[] = [];
  beforeAll(async () => {
    docker = await withDocker(home, (socket) => hold(socket, home));
    await machine.open();
    ours = await hold(machine.machine.paths.socket, home);
  }, 300_000);
  afterAll(async () => {
    await machine.dispose();
    rmSync(home, { recursive: true });
  });

  test.each(TALKS.map(({ command }, index) => ({ name: `${index} ${command}`, index })))('$name', ({ index }) => {
    expect(ours[index]).toEqual(docker[index]);
    expect(ours[index]?.restored).toBe(true);
  });
});
