import { describe, expect, it } from 'vitest';
import { Opened } from '../../src/engine/opened.ts';

describe('what was opened', () => {
  it('is closed in the opposite order, once', () => {
    const closed: string[] = [];
    const opened = new Opened();
    expect(opened.add('lock', (name) => closed.push(name))).toBe('lock');
    opened.add('store', (name) => closed.push(name));
    opened.close();
    opened.close();
    expect(closed).toEqual(['store', 'lock']);
  });

  it('is all closed, also where one of it cannot be', () => {
    const closed: string[] = [];
    const opened = new Opened();
    opened.add('first', (name) => closed.push(name));
    opened.add('second', () => { throw new Error('it is stuck'); });
    opened.add('third', (name) => closed.push(name));
    expect(() => opened.close()).toThrow('it is stuck');
    expect(closed).toEqual(['third', 'first']);
  });
});
