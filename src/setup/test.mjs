import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from './build.mjs';
import { run, show } from './run.mjs';
import { SetupError } from './setup-error.mjs';

/** Sets up; type check and lint; then the tests that need no root, those that do, and those with other people's programs. */
export async function test() {
  if (process.getuid() !== 0) throw new SetupError('the tests make real containers and need root: run `sudo npm test` (`npm run test:unit` needs none)');
  const before = porcelain();
  await build('test');
  const checked = show(process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit']) === 0
    && show(process.execPath, ['node_modules/eslint/bin/eslint.js', '--config', 'test/eslint.config.mjs', '--max-warnings', '0', 'src', 'test']) === 0;
  const images = run(process.execPath, ['test/images/make-images.mjs', 'all', '--out', 'build/images']);
  console.log(`images for the tests:\n${images.trimEnd()}`);
  const status = runProjects(['unit', 'root', 'peers']);
  const after = porcelain();
  if (after !== before) console.error(`the tests left the checkout dirty:\n${after}`);
  if (!checked) console.error('type check or lint failed, see above');
  return status === 0 && checked && after === before ? 0 : 1;
}

/** What takes minutes: the virtual machine, power cuts, soak. */
export async function testLong() {
  if (process.getuid() !== 0) throw new SetupError('the long tests make real containers and need root');
  await build('long');
  run(process.execPath, ['test/images/make-images.mjs', 'all', '--out', 'build/images']);
  return runProjects(['long', 'vm']);
}

/** Runs the projects one after the other, so that none measures another's load; the last line says how many passed and failed. */
function runProjects(projects) {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-test-'));
  let passed = 0;
  let failed = 0;
  let status = 0;
  try {
    for (const project of projects.filter(hasTests)) {
      const report = join(folder, `${project}.json`);
      const ended = show(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]);
      status ||= ended;
      const totals = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : { numPassedTests: 0, numFailedTests: 1, success: false };
      passed += totals.numPassedTests;
      // A file that could not be loaded, or an error outside of any test, fails the run without a failed test.
      failed += totals.numFailedTests + (ended !== 0 && totals.numFailedTests === 0 ? 1 : 0);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log(`${passed} passed, ${failed} failed`);
  return status;
}

/** Vitest fails where a project has no file at all. */
function hasTests(project) {
  return project === 'unit' || (existsSync(`test/${project}`) && readdirSync(`test/${project}`, { recursive: true }).some((name) => String(name).endsWith('.test.ts')));
}

function porcelain() {
  return existsSync('.git') ? run('git', ['status', '--porcelain']) : '';
}
