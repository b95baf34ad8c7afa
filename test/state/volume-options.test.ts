import { expect, test } from 'vitest';
import { shownDriverOpts, shownOptions } from '../../src/state/volume-options.ts';

test('nobody is shown a password', () => {
  expect(shownOptions('username=me,password=secret,vers=3.0,pass=a=b,password2=x,secret=AQ==')).toBe('username=me,password=…,vers=3.0,pass=…,password2=…,secret=…');
  expect(shownOptions('rw,passthrough=1')).toBe('rw,passthrough=1');
  expect(shownDriverOpts({ type: 'cifs', device: '//server/share', o: 'password=x' })).toEqual({ type: 'cifs', device: '//server/share', o: 'password=…' });
  expect(shownDriverOpts({})).toEqual({});
});
