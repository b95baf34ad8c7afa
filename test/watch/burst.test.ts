import { expect, test } from 'vitest';
import { Burst } from '../../src/watch/burst.ts';

const never = new AbortController().signal;
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('what comes close together is one burst, each path once', async () => {
  const burst = new Burst(30, 10_000);
  for (const path of ['/a', '/b', '/a']) burst.add(path);
  expect([...await burst.next(never)]).toEqual(['/a', '/b']);
  setTimeout(() => burst.add('/c'), 5);
  expect([...await burst.next(never)]).toEqual(['/c']);
});

test('changes that do not end are let out all the same', async () => {
  const burst = new Burst(200, 100);
  const writing = setInterval(() => burst.add('/a'), 5);
  expect([...await burst.next(never)]).toEqual(['/a']);
  expect([...await burst.next(never)]).toEqual(['/a']);
  clearInterval(writing);
});

test('what comes while nobody waits is in the next one', async () => {
  const burst = new Burst(5, 10);
  burst.add('/a');
  await later(30);
  burst.add('/b');
  expect([...await burst.next(never)]).toEqual(['/a', '/b']);
});

test('whoever waits is let go', async () => {
  const ending = new AbortController();
  const next = new Burst().next(ending.signal);
  ending.abort();
  expect(await next).toEqual(new Set());
});
