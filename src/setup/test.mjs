import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { build } from './build.mjs';
import { beside, run, show } from './run.mjs';
import { SetupError } from './setup-error.mjs';

/** Sets up; then the tests that need no root, those that do, and those with other people's programs; beside them type check and lint. */
export async function test() {
  if (process.getuid() !== 0) throw new SetupError('the tests make real containers and need root: run `sudo npm test` (`npm run test:unit` needs none)');
  const before = porcelain();
  await build('test');
  const checking = Promise.all([
    beside(process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit']),
    beside(process.execPath, ['node_modules/eslint/bin/eslint.js', '--config', 'test/eslint.config.mjs', '--max-warnings', '0', 'src', 'test']),
  ]);
  const images = run(process.execPath, ['test/images/make-images.mjs', 'all', '--out', 'build/images']);
  console.log(`images for the tests:\n${images.trimEnd()}`);
  const status = runProjects(['unit', 'root', 'peers']);
  const failed = (await checking).filter((check) => check.status !== 0);
  for (const { output } of failed) console.error(output.trimEnd());
  const after = porcelain();
  if (after !== before) console.error(`the tests left the checkout dirty:\n${after}`);
  if (failed.length > 0) console.error('type check or lint failed, see above');
  return status === 0 && failed.length === 0 && after === before ? 0 : 1;
}

/** What takes minutes: the virtual machine, power cuts, soak. */
export async function testLong() {
  if (process.getuid() !== 0) throw new SetupError('the long tests make real containers and need root');
  await build('long');
  run(process.execPath, ['test/images/make-images.mjs', 'all', '--out', 'build/images']);
  return runProjects(['long', 'vm']);
}

/** More failures than these are no accident of one run. */
const LOOKED_AT_TWICE = 5;

/**
 * Runs the projects one after the other, so that none measures another's load. A few tests that fail are run once more, their files alone:
 * one that passes then is named as flaky, not hidden. The last lines name each that failed, then how many passed and failed.
 */
function runProjects(projects) {
  let passed = 0;
  let status = 0;
  const failures = [];
  for (const project of projects.filter(hasTests)) {
    let ran = runProject(project, []);
    const files = [...new Set(ran.failures.map(({ file }) => file))];
    if (ran.status !== 0 && ran.failures.length > 0 && ran.failures.length <= LOOKED_AT_TWICE && project !== 'unit') {
      console.log(`${ran.failures.length} failed, run once more: ${files.join(', ')}`);
      const again = runProject(project, files);
      const failedAgain = new Set(again.failures.map(({ name }) => name));
      const healed = ran.failures.filter(({ name }) => !failedAgain.has(name));
      for (const { name, message } of healed) console.log(`flaky: ${name}: failed first with: ${message}`);
      ran = { passed: ran.passed + healed.filter(({ name }) => again.passedNames.has(name)).length, failures: again.failures, status: again.status };
    }
    passed += ran.passed;
    status ||= ran.status;
    failures.push(...ran.failures);
    // A file that could not be loaded, or an error outside of any test, fails the run without a failed test.
    if (ran.status !== 0 && ran.failures.length === 0) failures.push({ name: `project ${project}`, message: 'ended with an error outside of any test, see above' });
  }
  for (const { name, message } of failures) console.log(`failed: ${name}: ${message}`);
  console.log(`${passed} passed, ${failures.length} failed`);
  return status;
}

/** One run of a project, or of some of its files: how many tests passed, which failed and with what, and vitest's exit code. */
function runProject(project, files) {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-test-'));
  try {
    const report = join(folder, `${project}.json`);
    const status = show(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...files]);
    const results = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).testResults : [];
    const tests = results.flatMap(({ name: path, assertionResults }) => assertionResults.map(({ fullName, status: end, failureMessages }) => {
      const file = relative(process.cwd(), path);
      return { file, name: `${file} > ${fullName}`, end, message: shortened(failureMessages?.[0] ?? '') };
    }));
    const passedTests = tests.filter(({ end }) => end === 'passed');
    // A file that could not be loaded, or what comes before and after its tests.
    const outside = results.filter(({ status: end, assertionResults }) => end === 'failed' && assertionResults.every((test) => test.status !== 'failed'))
      .map(({ name: path, message }) => ({ file: relative(process.cwd(), path), name: `${relative(process.cwd(), path)} (outside of its tests)`, message: shortened(message ?? '') }));
    return { passed: passedTests.length, passedNames: new Set(passedTests.map(({ name }) => name)), failures: [...tests.filter(({ end }) => end === 'failed'), ...outside], status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A message in one line, without the stack. */
function shortened(message) {
  return message.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('at ')).join(' | ').slice(0, 700);
}

/** Vitest fails where a project has no file at all. */
function hasTests(project) {
  return project === 'unit' || (existsSync(`test/${project}`) && readdirSync(`test/${project}`, { recursive: true }).some((name) => String(name).endsWith('.test.ts')));
}

function porcelain() {
  return existsSync('.git') ? run('git', ['status', '--porcelain']) : '';
}
