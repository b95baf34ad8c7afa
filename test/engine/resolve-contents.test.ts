import { expect, test } from 'vitest';
import { resolveContents } from '../../src/engine/resolve-contents.ts';
import type { Content } from '../../src/state/content.ts';
import type { StackRequest } from '../../src/state/messages.ts';
import { nothingDesired, type Desired } from '../../src/state/state.ts';

const store = { digest: (bytes: Buffer) => `digest of ${bytes.toString()}`, has: (digest: string) => digest === 'kept' };
const desiring = (stack: string, contents: Readonly<Record<string, Content>>): Desired => ({ ...nothingDesired(stack, false, null), contents });
const asking = (contents: Readonly<Record<string, Content>>, bytes: Readonly<Record<string, string>> = {}): StackRequest =>
  ({ version: 1, base: null, from: null, source: { workingDir: '/w', files: [] }, desired: desiring('shop', contents), bytes });
const secret = (digest = '', external = false): Content => ({ kind: 'secret', external, digest });

test('bytes become digests, and leave the state', () => {
  const { desired, bytes } = resolveContents(asking({ 'secret shop_a': secret() }, { 'secret shop_a': btoa('A'), 'secret other': btoa('B') }), store, []);
  expect(desired.contents).toEqual({ 'secret shop_a': secret('digest of A') });
  expect([...bytes]).toEqual([['digest of A', Buffer.from('A')]]);
});

test('what is kept already need not be sent again; what is neither is a mistake', () => {
  expect(resolveContents(asking({ 'secret shop_a': secret('kept') }), store, []).desired.contents).toEqual({ 'secret shop_a': secret('kept') });
  expect(() => resolveContents(asking({ 'secret shop_a': secret('unknown') }), store, [])).toThrow('secret shop_a: what it holds is not in the request');
});

test('an external one is another stack\'s', () => {
  const request = asking({ 'secret common': secret('', true) });
  expect(resolveContents(request, store, [desiring('base', { 'secret common': secret('kept') })]).desired.contents).toEqual({ 'secret common': secret('kept', true) });
  expect(() => resolveContents(request, store, [desiring('base', { 'secret common': secret('kept', true) })])).toThrow('secret common is declared external, and no stack that is up has one of that name');
});
