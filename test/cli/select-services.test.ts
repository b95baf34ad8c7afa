import { expect, test } from 'vitest';
import { bytesFor, selectServices } from '../../src/cli/select-services.ts';
import { desired, service } from '../plan/states.ts';

const file = desired({ db: service(), web: service({}, { db: 'started' }), worker: service() }, { inactive: ['debug'] });

test('what is left out is inactive, so that it is no orphan', () => {
  const selected = selectServices(file, null, ['web']);
  expect(Object.keys(selected.services)).toEqual(['db', 'web']);
  expect(selected.inactive).toEqual(['debug', 'worker']);
});

test('what is desired already stays so, also of another profile', () => {
  const current = desired({ debug: service(), worker: service() });
  const selected = selectServices(file, current, ['db']);
  expect(Object.keys(selected.services).sort()).toEqual(['db', 'debug', 'worker']);
  expect(selected.inactive).toEqual(['web']);
});

test('takes the contents along that the chosen services, and those that stay, are given', () => {
  const given = (name: string): Parameters<typeof service>[0] => ({ contents: [{ name, digest: '', target: `/${name}`, uid: 0, gid: 0, mode: 0o444, onChange: null }] });
  const content = (digest: string): { kind: 'secret'; external: boolean; digest: string } => ({ kind: 'secret', external: false, digest });
  const whole = desired({ a: service(given('x')), b: service(given('y')) }, { contents: { x: content(''), y: content('') } });
  const current = desired({ b: service(given('y')), c: service(given('z')) }, { contents: { y: content('old'), z: content('kept') } });
  const selected = selectServices(whole, current, ['a']);
  expect(selected.contents).toEqual({ x: content(''), y: content('old'), z: content('kept') });
  expect(bytesFor(selected, { x: 'eA==', y: 'eQ==' })).toEqual({ x: 'eA==' }); // b is left as it is, whatever y holds by now
  expect(selectServices(desired({ ...whole.services, b: service(given('x')) }, { contents: whole.contents }), current, ['b']).contents).toEqual({ x: content(''), z: content('kept') });
});

test('names what there is', () => {
  expect(() => selectServices(file, null, ['wbe'])).toThrow('no service "wbe" in the stack file: it has db, web, worker');
});
