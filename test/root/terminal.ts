import { execFileSync, spawn } from 'node:child_process';
import { expect } from 'vitest';
import { eventually } from './harness.ts';

/** A person's terminal (`script` of util-linux makes it) in which a shell runs a script: what is typed in it, and what it shows. */
export class Terminal {
  readonly #script;
  readonly exit: Promise<number>;
  output = '';

  constructor(script: string, env: Readonly<Record<string, string>> = {}, size = { columns: 100, rows: 40 }) {
    this.#script = spawn('script', ['-qefc', `stty cols ${size.columns} rows ${size.rows}; tty; ${script}`, '/dev/null'], { env: { ...process.env, SHELL: '/bin/sh', ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#script.stdout.on('data', (data: Buffer) => { this.output += data.toString(); });
    this.exit = new Promise((resolve) => this.#script.once('close', (code) => resolve(code ?? -1)));
  }

  type(keys: string): void {
    this.#script.stdin.write(keys);
  }

  /** Waits until it shows what fits. */
  async shows(pattern: RegExp): Promise<void> {
    await eventually(() => expect(this.output).toMatch(pattern));
  }

  /** As a window does that is drawn larger. */
  resize(columns: number, rows: number): void {
    const [device = ''] = /\/dev\/pts\/\d+/.exec(this.output) ?? [];
    execFileSync('stty', ['-F', device, 'cols', String(columns), 'rows', String(rows)]);
  }
}
