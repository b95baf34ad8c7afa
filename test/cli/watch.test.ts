import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { container } from '../api/fake-engine.ts';
import { Console } from './console.ts';

let cli: Console;
beforeEach(async () => { cli = await new Console().open(); });
afterEach(() => cli.close());

it('watch ends at an interrupt, whatever the engine is about to answer', async () => {
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  cli.engine.containers.archive = () => new Promise(() => undefined);
  mkdirSync(join(cli.folder, 'src'));
  cli.write('compose.yaml', 'name: shop\nservices:\n  web: { image: nginx:1, develop: { watch: [{ path: src, target: /app, action: sync }] } }\n');
  const ended = cli.run('watch', '--no-up');
  await vi.waitFor(() => expect(cli.out + cli.err).toContain('Watch enabled'), 5000);
  cli.write('src/file', 'saved');
  await vi.waitFor(() => expect(cli.out).toContain('Syncing service "web"'), 5000);
  for (const interrupt of cli.interrupts) interrupt('SIGINT');
  expect(await ended).toBe(130);
  expect(cli.out).toContain('Watch disabled');
}, 20_000);
