import { afterEach, describe, expect, test } from 'vitest';
import { LivePass } from '../../src/cli/live-pass.ts';
import { PassPrinter } from '../../src/cli/pass-printer.ts';
import type { PassEvent } from '../../src/state/messages.ts';

/** What a terminal shows after these bytes: it knows line feeds, "up N lines" and "clear to the end". */
function screenOf(bytes: string): string {
  const lines = [''];
  let at = 0;
  for (const token of bytes.match(/\x1b\[\d*[A-Z]|\n|\r|[^\x1b\n\r]+/g) ?? []) {
    if (token === '\n') lines[++at] ??= '';
    else if (/^\x1b\[\d+A$/.test(token)) at -= Number(token.slice(2, -1));
    else if (token === '\x1b[J') lines.splice(at, lines.length, '');
    else if (token !== '\r') lines[at] += token;
  }
  return lines.join('\n').trimEnd();
}

describe('a pass on a terminal', () => {
  let written = '';
  let now = 0;
  const open: LivePass[] = [];
  const pass = (columns = 80, rows = 24): LivePass => {
    written = '';
    now = 0;
    const made = new LivePass({ write: (text) => { written += text; }, size: () => ({ columns, rows }), colour: false, now: () => now });
    open.push(made);
    return made;
  };
  afterEach(() => open.splice(0).forEach((one) => one.close()));
  const step = (id: string, state: 'started' | 'done' | 'failed', message = ''): PassEvent => ({ version: 1, type: 'step', id, state, ms: 0, message });
  const part = (name: string, state: 'downloading' | 'done', current: number): PassEvent => ({ version: 1, type: 'progress', id: 'pull-image nginx', part: `sha256:${name.repeat(64)}`, state, current, total: 4_000_000 });

  test('shows what runs below what is done', () => {
    const live = pass();
    live.event(step('create-network n', 'started'));
    live.event(step('create-network m', 'started'));
    now = 1500;
    live.event(step('create-network n', 'done'));
    expect(screenOf(written)).toBe('create-network n\n⠋ create-network m  1.5s');
    live.event(step('create-network m', 'failed', 'no address is left'));
    live.event({ version: 1, type: 'end', ok: false, revision: 1, message: 'it failed' });
    expect(live.finish()).toBe(1);
    expect(screenOf(written)).toBe('create-network n\nfailed: create-network m: no address is left\nbayplan: it failed');
  });

  test('keeps the menu below all else, until it is taken away', () => {
    const live = pass(80, 4);
    live.menu('d Detach');
    live.print('one\n');
    for (const id of ['a', 'b', 'c']) live.event(step(`start-container ${id}`, 'started'));
    live.print('two\n');
    expect(screenOf(written).replaceAll(/ {2}\d\.\ds/g, '')).toBe('one\ntwo\n⠋ start-container a\n⠋ start-container b\nd Detach');
    live.close();
    live.print('three\n');
    expect(screenOf(written)).toBe('one\ntwo\nthree\nd Detach');
    live.menu(null);
    expect(screenOf(written)).toBe('one\ntwo\nthree');
  });

  test('shows each layer with its bytes and rate', () => {
    const live = pass();
    live.event(step('pull-image nginx', 'started'));
    live.event(part('a', 'downloading', 0));
    live.event(part('b', 'done', 4_000_000));
    now = 2000;
    live.event(part('a', 'downloading', 3_000_000));
    live.print('');
    expect(screenOf(written)).toBe('⠋ pull-image nginx  1 of 2 layers  2.0s\n    aaaaaaaaaaaa  downloading  3MB / 4MB  1.5MB/s');
  });

  test('never draws more than the terminal holds', () => {
    const live = pass(20, 4);
    for (let n = 0; n < 9; n++) live.event(step(`start-container demo-web-${n}`, 'started'));
    live.print('');
    expect(screenOf(written).split('\n')).toEqual(['⠋ start-container d', '⠋ start-container d', '⠋ start-container d']);
  });
});

test('says on plain output and above a live one why a registry is asked again, and not to whom nothing is to be said', () => {
  const retrying: PassEvent = { version: 1, type: 'progress', id: 'pull-image a:1', part: '', state: 'retrying', current: 0, total: 0, why: 'registry r did not answer for 30 s; retrying in 0.5 s (2 of 2)' };
  const line = 'pull-image a:1: registry r did not answer for 30 s; retrying in 0.5 s (2 of 2)\n';
  let written = '';
  new PassPrinter((text) => { written += String(text); }).event(retrying);
  expect(written).toBe(line);
  new PassPrinter((text) => { written += String(text); }, true).event(retrying);
  expect(written).toBe(line);
  written = '';
  const live = new LivePass({ write: (text) => { written += String(text); }, size: () => ({ columns: 200, rows: 24 }), colour: false, now: () => 0 });
  live.event({ version: 1, type: 'step', id: 'pull-image a:1', state: 'started', ms: 0, message: '' });
  live.event(retrying);
  live.close();
  expect(written).toContain(line);
  expect(written).not.toContain('layers');
});
