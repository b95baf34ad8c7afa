import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tarBytes } from '../runtime/image/tar-bytes.ts';
import { FakeRegistry } from './fake-registry.ts';
import { bayplan, Machine, program } from './harness.ts';
import { Terminal } from './terminal.ts';

// A layer that comes as slowly as the test wants, as it is seen on a terminal: its second half only when the line about the first has been seen.
const SIZE = 8_000_000;
const machine = new Machine();
const registry = new FakeRegistry();
const held: (() => void)[] = [];
let stopped: NodeJS.Timeout | undefined;
beforeAll(async () => {
  await registry.open();
  for (const tag of ['pulled', 'piped', 'upped']) registry.add(tag, { layers: [tarBytes([{ name: tag, content: randomBytes(SIZE) }])] });
  registry.intercept = ({ url = '', method }, response) => {
    const bytes = registry.blobs.get(/\/blobs\/([^/?]+)$/.exec(url)?.[1] ?? '');
    if (method !== 'GET' || bytes === undefined || bytes.length < SIZE) return false;
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length });
    let sent = 0;
    const piece = (): void => {
      if (sent < SIZE / 2) response.write(bytes.subarray(sent, sent += 400_000));
      if (sent < SIZE / 2) stopped = setTimeout(piece, 50);
    };
    piece();
    held.push(() => {
      clearTimeout(stopped);
      response.end(bytes.subarray(sent));
    });
    return true;
  };
  machine.request(`services: { app: { image: "${registry.host}/app:upped" } }`);
});
afterAll(async () => {
  clearTimeout(stopped);
  registry.close();
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

const command = `${process.execPath} ${program} --root ${machine.root}`;
const letGo = (): void => held.splice(0).forEach((rest) => rest());
const modes = (output: string): readonly string[] => [...output.matchAll(/^[0-9a-f]+(?::[0-9a-f]+){10,}/gm)].map(([text]) => text);
/** The layer, what has come of how much, and how fast. */
const ON_ITS_WAY = /^ {4}[0-9a-f]{12} {2}downloading {2}[\d.]+[kM]B \/ 8MB {2}[\d.]+[kM]?B\/s\r?$/m;

/** Runs it in a terminal between two looks at its modes; answers what it showed after the layer was let go. */
async function watched(line: string): Promise<{ readonly output: string; readonly status: string }> {
  const terminal = new Terminal(`stty -g; ${line}; echo status $?; stty -g`, { NO_COLOR: '1' });
  await terminal.shows(ON_ITS_WAY);
  letGo();
  await terminal.exit;
  const [before, after] = modes(terminal.output);
  expect(before).toBeDefined();
  expect(after).toBe(before);
  return { output: terminal.output, status: /status (\d+)/.exec(terminal.output)?.[1] ?? '' };
}

/** What a terminal shows in the end, of text that goes up lines and clears what is below. */
function screen(output: string): string {
  let lines = [''];
  for (const piece of output.split(/(\x1b\[\d+A\r\x1b\[J)/)) {
    const up = /^\x1b\[(\d+)A/.exec(piece)?.[1];
    if (up !== undefined) lines = [...lines.slice(0, lines.length - 1 - Number(up)), ''];
    else {
      const [first = '', ...rest] = piece.split('\n');
      lines = [...lines.slice(0, -1), `${lines.at(-1) ?? ''}${first}`, ...rest];
    }
  }
  return lines.join('\n').replaceAll('\r', '');
}

describe('a layer that comes is shown with its bytes and its rate, and then no more', () => {
  it('by pull', async () => {
    const { output, status } = await watched(`${command} pull ${registry.host}/app:pulled`);
    expect(status).toBe('0');
    expect(screen(output)).toMatch(new RegExp(`: [0-9a-f]{12}: Pull complete\\n.*: Digest: sha256:\\w+\\n.*Status: Downloaded newer image for ${registry.host}/app:pulled\\nstatus 0`));
    expect(screen(output)).not.toMatch(/downloading|layers/);
    expect(output).not.toMatch(/\x1b\[\?/); // no cursor hidden, no other screen
  });

  it('by up', async () => {
    const { output } = await watched(`${command} -p demo -f ${machine.folder}/compose.yaml up -d`);
    expect(screen(output)).toContain(`pull-image ${registry.host}/app:upped`);
    expect(screen(output)).not.toMatch(/downloading|of 1 layers/);
    expect(output).not.toMatch(/\x1b\[\?/);
  });
});

it('elsewhere a pull has plain lines', async () => {
  const pulling = bayplan(['--root', machine.root, 'pull', `${registry.host}/app:piped`]);
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(1);
  letGo();
  const { code, stdout } = await pulling;
  expect(code).toBe(0);
  expect(stdout).toMatch(/: Pulling fs layer\n.*: Extracting\n.*: Pull complete\n/);
  expect(stdout).not.toMatch(/\x1b|downloading/);
});

it('a pull without a tag is one of latest', async () => {
  registry.add('latest', { layers: [tarBytes([{ name: 'small', content: Buffer.from('small') }])] });
  expect(await bayplan(['--root', machine.root, 'pull', `${registry.host}/app`])).toMatchObject({ code: 0, stdout: expect.stringContaining(`Downloaded newer image for ${registry.host}/app:latest\n`) });
  expect(registry.seen.filter(({ path }) => path.includes('/tags/list'))).toEqual([]);
});
