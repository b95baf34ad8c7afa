import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { lendTerminal } from '../../src/cli/terminal.ts';
import type { Cli, Interrupt } from '../../src/cli/cli.ts';

/** A terminal that notes whether it is raw, and signals by hand. */
function terminal(): { cli: Cli; raw: boolean[]; send: (signal: Interrupt) => void; handled: () => number } {
  const handlers = new Map<(signal: Interrupt) => void, boolean>();
  const raw: boolean[] = [];
  const cli: Cli = {
    stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), env: {}, cwd: '/', version: '1', program: ['false'], socketOf: () => '',
    onInterrupt: (handler, hangups = false) => {
      handlers.set(handler, hangups);
      return () => handlers.delete(handler);
    },
    rawTerminal: (on) => void raw.push(on),
    runEngine: async () => { throw new Error('not part of this test'); },
  };
  const send = (signal: Interrupt): void => { for (const [handler, hangups] of handlers) if (signal !== 'SIGHUP' || hangups) handler(signal); };
  return { cli, raw, send, handled: () => handlers.size };
}

test.each([['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const)('%s ends a lent terminal with its own status, and leaves it as it was', async (signal, status) => {
  const { cli, raw, send, handled } = terminal();
  const lent = lendTerminal(cli, async () => undefined, () => new Promise<number>(() => undefined));
  send(signal);
  expect(await lent).toBe(status);
  expect(raw).toEqual([true, false]);
  expect(handled()).toBe(0);
});

test('signals that are passed on leave the terminal lent until the process ends', async () => {
  const { cli, raw, send } = terminal();
  const passed: Interrupt[] = [];
  let end: (code: number) => void = () => undefined;
  const lent = lendTerminal(cli, async () => undefined, () => new Promise<number>((resolve) => { end = resolve; }), (signal) => void passed.push(signal));
  send('SIGTERM');
  send('SIGHUP');
  expect(passed).toEqual(['SIGTERM', 'SIGHUP']);
  expect(raw).toEqual([true]);
  end(3);
  expect(await lent).toBe(3);
  expect(raw).toEqual([true, false]);
});
