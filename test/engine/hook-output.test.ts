import { expect, test } from 'vitest';
import { HookOutput } from '../../src/engine/hook-output.ts';

test('who begins to listen a moment later hears what was written since, of not too much', () => {
  const output = new HookOutput();
  const heard: string[] = [];
  output.tell('a', 1, 'stdout', Buffer.from('early'));
  output.tell('a', 5, 'stdout', Buffer.from('missed'));
  const off = output.onOutput((name, time, stream, data) => heard.push(`${name} ${time} ${stream} ${data.toString()}`), 5);
  output.tell('b', 6, 'stderr', Buffer.from('now'));
  off();
  output.tell('b', 7, 'stderr', Buffer.from('later'));
  expect(heard).toEqual(['a 5 stdout missed', 'b 6 stderr now']);
  for (let time = 10; time < 20; time++) output.tell('c', time, 'stdout', Buffer.alloc(64 * 1024));
  let bytes = 0;
  output.onOutput((_name, _time, _stream, data) => { bytes += data.length; }, 0)();
  expect(bytes).toBe(256 * 1024);
});
