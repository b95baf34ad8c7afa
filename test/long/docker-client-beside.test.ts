import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerClient, type Ended } from '../peers/docker-client.ts';
import { DockerMachine } from '../peers/docker-machine.ts';
import { dockerSideMissing, withDocker } from './docker-side.ts';
import { type Compare, NOT_HERE, ROWS } from './docker-rows.ts';

// The stock client, command by command, against Docker's engine and ours: exit codes, and what it prints once ids and times are taken out.
type Client = (args: readonly string[], input?: string) => Promise<Ended>;

async function say(docker: Client, folder: string, host: string): Promise<readonly Ended[]> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'env'), 'FROM=file\n');
  const ended: Ended[] = [];
  for (const { command } of ROWS) ended.push(await docker(words(command).map((word) => word.replaceAll('FOLDER', folder).replaceAll('HOST', host)), 'typed\n'));
  rmSync(folder, { recursive: true });
  return ended;
}

/** `{…}` is one word, and so is a format of Go's. */
function words(command: string): readonly string[] {
  return [...command.matchAll(/(\S*\{\{.*\}\}\S*)|\{([^}]*)\}|(\S+)/g)].map(([, format, quoted, word]) => format ?? quoted ?? word ?? '');
}

function plain(text: string): string {
  return text.replace(/\b[0-9a-f]{64}\b/g, 'ID').replace(/\b[0-9a-f]{12}\b/g, 'ID').replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'WHEN')
    .replace(/(Less than a second|About (a|an) (second|minute|hour)|\d+ (seconds?|minutes?|hours?|years?))( ago)?/g, 'TIME').replace(/\b\d+(\.\d+)?[kMG]?B\b/g, 'SIZE').replace(/ {2,}/g, ' | ').replace(/[ |]+$/gm, '');
}

function compared({ status, out, err }: Ended, compare: Compare): unknown {
  const code = { status };
  if (compare === 'code' || compare === 'shape') return code;
  if (compare === 'head') return { ...code, head: plain(out).split('\n')[0] };
  if (compare === 'lines') return { ...code, lines: plain(out).split('\n').sort() };
  return compare === 'text' ? { ...code, out: plain(out) } : { ...code, out: plain(out), err: plain(err) };
}

/** Paths of the fields of a JSON value, with what kind of value is there. */
function fields(value: unknown, at: string, into: Map<string, string>): void {
  into.set(at, value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);
  if (Array.isArray(value)) fields(value[0] ?? null, `${at}[]`, into);
  else if (typeof value === 'object' && value !== null) for (const [key, inner] of Object.entries(value)) fields(inner, `${at}.${key.replace(/^[0-9a-f]{64}$/, 'ID')}`, into);
}

function shapeOf(out: string): ReadonlyMap<string, string> {
  const shape = new Map<string, string>();
  fields(JSON.parse(out.split('\n').length > 2 && !out.startsWith('[') ? out.split('\n')[0] ?? '' : out), '', shape);
  return shape;
}

describe.skipIf(dockerSideMissing !== '')(`the stock client, side by side${dockerSideMissing}`, () => {
  const machine = new DockerMachine();
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-beside-'));
  let docker: readonly Ended[] = [];
  let ours: readonly Ended[] = [];

  beforeAll(async () => {
    docker = await withDocker(folder, (socket) => say(dockerClient(socket, folder), join(folder, 'work'), `/host${folder}/work`));
    await machine.open();
    ours = await say(machine.docker, join(folder, 'work'), join(folder, 'work'));
  }, 600_000);
  afterAll(async () => {
    await machine.dispose();
    rmSync(folder, { recursive: true });
  });

  test.each(ROWS.map(({ command, compare }, index) => ({ name: `${index} ${command}`, index, compare })))('$name', ({ index, compare }) => {
    expect(compared(ours[index]!, compare)).toEqual(compared(docker[index]!, compare));
    if (compare !== 'shape') return;
    const there = shapeOf(ours[index]!.out);
    const missing = [...shapeOf(docker[index]!.out)].filter(([path, kind]) => kind !== 'null' && !there.has(path) && !NOT_HERE.some((pattern) => pattern.test(path))).map(([path, kind]) => `${path}: ${kind}`);
    expect(missing).toEqual([]);
  });
});
