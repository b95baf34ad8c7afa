import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import type { NetworkSpec } from '../../src/state/network.ts';
import { FakeEngine } from './fake-engine.ts';

/** Takes a while over each network. */
class SlowEngine extends FakeEngine {
  override async createNetwork(name: string, spec: NetworkSpec): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 200));
    await super.createNetwork(name, spec);
  }
}

test('of four that ask for one network at once, one makes it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-networks-'));
  const server = createApi(new SlowEngine());
  try {
    await serve(server, join(folder, 'engine.sock'));
    const create = async (): Promise<number | undefined> => await new Promise((resolve, reject) => {
      const sent = request({ socketPath: join(folder, 'engine.sock'), method: 'POST', path: '/networks/create', headers: { 'Content-Type': 'application/json' } });
      sent.once('error', reject).once('response', (response: IncomingMessage) => {
        response.resume();
        once(response, 'end').then(() => resolve(response.statusCode), reject);
      });
      sent.end(JSON.stringify({ Name: 'race' }));
    });
    expect((await Promise.all([create(), create(), create(), create()])).sort()).toEqual([201, 409, 409, 409]);
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  }
});
