import { expect, test } from 'vitest';
import { InFlight } from '../../../src/runtime/image/in-flight.ts';

/** Work that ends when it is told to; `log` shows the order. */
function steps(): { readonly log: string[]; readonly work: (name: string) => { readonly run: () => Promise<void>; readonly end: () => void } } {
  const log: string[] = [];
  return {
    log,
    work: (name) => {
      let end = (): void => undefined;
      const ended = new Promise<void>((resolve) => { end = resolve; });
      return { end, run: async () => { log.push(`${name} begins`); await ended; log.push(`${name} ends`); } };
    },
  };
}

test('a removal waits for the work under way, once for all that were asked for', async () => {
  const { log, work } = steps();
  const inFlight = new InFlight();
  const [a, b] = [work('a'), work('b')];
  const running = [inFlight.during(a.run), inFlight.during(b.run)];
  await inFlight.whenIdle(async () => { log.push('removal 1'); });
  await inFlight.whenIdle(async () => { log.push('removal 2'); });
  a.end();
  await running[0];
  expect(log).toEqual(['a begins', 'b begins', 'a ends']);
  b.end();
  await running[1];
  expect(log.slice(3)).toEqual(['b ends', 'removal 2']);
});

test('work that comes during a removal waits for it', async () => {
  const { log, work } = steps();
  const inFlight = new InFlight();
  const [removal, later] = [work('removal'), work('later')];
  const removing = inFlight.whenIdle(removal.run);
  const working = inFlight.during(later.run);
  later.end();
  removal.end();
  await Promise.all([removing, working]);
  expect(log).toEqual(['removal begins', 'removal ends', 'later begins', 'later ends']);
});

test('work that fails lets removals go on', async () => {
  const inFlight = new InFlight();
  await expect(inFlight.during(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  let removed = false;
  await inFlight.whenIdle(async () => { removed = true; });
  expect(removed).toBe(true);
});
