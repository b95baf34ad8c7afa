import { describe, expect, it } from 'vitest';
import { ExclusiveRunner } from '../../src/reconcile/exclusive.ts';

/** A task that ends when told to, and says when it began and whether it was aborted. */
function task(name: string): { readonly work: (signal: AbortSignal) => Promise<string>; readonly end: () => void; readonly began: () => boolean; readonly aborted: () => boolean } {
  let finish = (): void => undefined;
  const over = new Promise<void>((resolve) => { finish = resolve; });
  let seen: AbortSignal | null = null;
  return {
    work: async (signal) => {
      seen = signal;
      await over;
      return signal.aborted ? `${name} cancelled` : `${name} done`;
    },
    end: () => finish(), began: () => seen !== null, aborted: () => seen?.aborted === true,
  };
}

const overtaken = (why: string): string => `never began: ${why}`;
const turn = (): Promise<void> => new Promise(setImmediate);

describe('ExclusiveRunner', () => {
  it('lets a newer task cancel the one that runs, and begin only when that has settled', async () => {
    const runner = new ExclusiveRunner<string>();
    const [up, down] = [task('up'), task('down')];
    const first = runner.run('shop', 'up', up.work, overtaken);
    await turn();
    const second = runner.run('shop', 'down', down.work, overtaken);
    await turn();
    expect([up.aborted(), down.began()]).toEqual([true, false]);
    up.end();
    expect(await first).toBe('up cancelled');
    await turn();
    expect(down.began()).toBe(true);
    down.end();
    expect(await second).toBe('down done');
  });

  it('joins an equal task', async () => {
    const runner = new ExclusiveRunner<string>();
    const [one, two] = [task('one'), task('two')];
    const both = [runner.run('shop', 'same', one.work, overtaken), runner.run('shop', 'same', two.work, overtaken)];
    await turn();
    one.end();
    expect(await Promise.all(both)).toEqual(['one done', 'one done']);
    expect(two.began()).toBe(false);
  });

  it('goes on for those who joined when the first has left, and is cancelled when all have', async () => {
    const runner = new ExclusiveRunner<string>();
    const one = task('one');
    const [first, second] = [new AbortController(), new AbortController()];
    const both = [runner.run('shop', 'same', one.work, overtaken, { client: first.signal }), runner.run('shop', 'same', one.work, overtaken, { client: second.signal })];
    await turn();
    first.abort();
    expect(one.aborted()).toBe(false);
    second.abort();
    expect(one.aborted()).toBe(true);
    one.end();
    expect(await Promise.all(both)).toEqual(['one cancelled', 'one cancelled']);
  });

  it('never begins what was overtaken while it waited', async () => {
    const runner = new ExclusiveRunner<string>();
    const [one, two, three] = [task('one'), task('two'), task('three')];
    const results = [one, two, three].map(({ work }, at) => runner.run('shop', `${at}`, work, overtaken, { title: ['up', 'up', 'down'][at] ?? '' }));
    await turn();
    [one, three].forEach(({ end }) => end());
    expect(await Promise.all(results)).toEqual(['never began: a later up of this stack took over', 'never began: a later down of this stack took over', 'three done']);
    expect([one.began(), two.began()]).toEqual([false, false]);
  });

  it('keeps stacks apart, and goes on after a task that threw', async () => {
    const runner = new ExclusiveRunner<string>();
    const other = task('other');
    const results = [runner.run('a', '1', () => Promise.reject(new Error('broken')), overtaken), runner.run('b', '1', other.work, overtaken)];
    await expect(results[0]).rejects.toThrow('broken');
    expect(other.aborted()).toBe(false);
    other.end();
    expect(await results[1]).toBe('other done');
    expect(await runner.run('a', '2', () => Promise.resolve('again'), overtaken)).toBe('again');
  });

  it('cancels all and waits for them to settle', async () => {
    const runner = new ExclusiveRunner<string>();
    const one = task('one');
    const result = runner.run('shop', '1', one.work, overtaken);
    await turn();
    const closed = runner.close();
    expect(one.aborted()).toBe(true);
    one.end();
    await closed;
    expect(await result).toBe('one cancelled');
  });
});
