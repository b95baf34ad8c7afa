import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { run } from '../../src/cli/all.ts';
import type { Cli, Interrupt } from '../../src/cli/cli.ts';
import { FakeEngine } from '../api/fake-engine.ts';

/** The command line in a folder of its own, against a small engine behind a real socket. */
export class Console {
  readonly folder = mkdtempSync(join(tmpdir(), 'bayplan-cli-'));
  readonly engine = new FakeEngine();
  readonly server: Server = createApi(this.engine);
  readonly interrupts = new Set<(signal: Interrupt) => void>();
  env: Record<string, string> = {};
  /** Where commands are called from; null: the folder. */
  cwd: string | null = null;
  stdin: Readable = Readable.from([]);
  runEngine: Cli['runEngine'] = async () => { throw new Error('not part of this test'); };
  out = '';
  err = '';

  async open(): Promise<this> {
    await serve(this.server, join(this.folder, 'engine.sock'));
    return this;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
    rmSync(this.folder, { recursive: true });
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Runs a command; answers its exit status. `out` and `err` have what it printed. */
  async run(...argv: readonly string[]): Promise<number> {
    this.out = '';
    this.err = '';
    const cli: Cli = {
      stdin: this.stdin, env: this.env, cwd: this.cwd ?? this.folder, version: '1.2.3', program: ['false'],
      stdout: new PassThrough().on('data', (chunk) => { this.out += String(chunk); }), stderr: new PassThrough().on('data', (chunk) => { this.err += String(chunk); }),
      socketOf: () => join(this.folder, 'engine.sock'),
      onInterrupt: (handler) => {
        this.interrupts.add(handler);
        return () => this.interrupts.delete(handler);
      },
      rawTerminal: () => undefined,
      runEngine: (root) => this.runEngine(root),
    };
    const status = await run(argv, cli);
    await new Promise((resolve) => setImmediate(resolve)); // what was written is delivered
    return status;
  }
}
