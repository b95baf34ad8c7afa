import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readPlanFile, writePlanFile } from '../../src/cli/plan-file.ts';
import { desiredOf, loadStack } from '../../src/stack/index.ts';
import { PLAN_FILE_VERSION, type PlanFile } from '../../src/state/plan-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'bayplan-plan-file-'));
const { project } = loadStack({ files: ['/s/compose.yaml'], workingDir: '/s', projectName: null, environment: {}, profiles: [], envFiles: null, read: (path) => (path === '/s/compose.yaml' ? 'services: {a: {image: a}}' : null) });
const plan: PlanFile = {
  kind: 'bayplan-plan', version: PLAN_FILE_VERSION, stack: 's', revision: 0, digest: '', load: { projectName: 's', file: [], projectDirectory: '/s', profile: [], envFile: null },
  request: { version: 1, base: null, source: { workingDir: '/s', files: [] }, desired: desiredOf(project!, { removeOrphans: false }), from: null }, plan: { steps: [], notes: [] },
};

afterAll(() => rmSync(folder, { recursive: true }));

it('a link stays one, and what it leads to is replaced', () => {
  writeFileSync(join(folder, 'real'), 'before', { mode: 0o644 });
  symlinkSync('real', join(folder, 'link'));
  writePlanFile('link', plan, folder);
  expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
  expect(JSON.parse(readFileSync(join(folder, 'real'), 'utf8'))).toEqual(plan);
  expect(statSync(join(folder, 'real')).mode & 0o777).toBe(0o600);
});

it('what is no file is written into, and stays what it is', () => {
  symlinkSync('/dev/null', join(folder, 'null')); // by a link, so that no mistake here takes the machine's own
  writePlanFile('null', plan, folder);
  expect(lstatSync(join(folder, 'null')).isSymbolicLink()).toBe(true);
  expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  expect(() => writePlanFile('.', plan, folder)).toThrow(/^cannot write \.: EISDIR/);
});

it('a file without end is no plan', () => {
  expect(() => readPlanFile('/dev/zero', folder)).toThrow('cannot read /dev/zero: it is a device, or too large to be a plan');
});
