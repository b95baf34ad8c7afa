import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DEFAULT_ROOT } from '../../src/state/paths.ts';
import { PowerCutMachine } from '../root/power-cut-machine.ts';
import type { Fact, Place } from '../root/power-cut-scenario.ts';
import { bundled, inGuest } from './in-guest.ts';

/** `CUTS=20 SEED=7` for others than these: a boot takes half a minute and more where the processor is emulated. */
const CUTS = Number(process.env['CUTS'] ?? 5);
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));

it(`${CUTS} power cuts at random moments of up, update and down lose no acknowledged revision and no volume's data, and leave nothing half-made`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-power-'));
  try {
    const scenario = await bundled('../root/power-cut-scenario');
    const machine = new PowerCutMachine(SEED, 8000, async (task, what) => {
      const place: Place = { root: DEFAULT_ROOT, marks: '/run/power/marks', disk: null };
      const { code, stdout, stderr } = await inGuest(['--disk', join(folder, 'disk'), '--timeout', '900'], process.execPath, scenario, JSON.stringify(task), JSON.stringify(place));
      const facts = stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Fact);
      if (code !== (task.cuts ? 125 : 0) || (facts.at(-1)?.type === 'cut') !== task.cuts) throw new Error(`${what}: the guest ended with status ${code}: ${stdout.slice(-2000)}\n${stderr}`);
      return facts;
    });
    expect(await machine.run(CUTS), `SEED=${SEED}`).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, CUTS * 240_000 + 600_000);
