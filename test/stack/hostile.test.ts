import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

// Files that were made to be trouble: each ends in a message, soon and without filling the memory.
const folder = mkdtempSync(join(tmpdir(), 'bayplan-hostile-'));
afterAll(() => { rmSync(folder, { recursive: true }); });

const program = join(import.meta.dirname, '../../build/bayplan.cjs');
/** Tells at the end how much memory was resident at most, in KiB, and for how many microseconds it had a processor. */
const tellUse = 'data:text/javascript,process.on("exit",()=>{const%20{maxRSS,userCPUTime,systemCPUTime}=process.resourceUsage();process.stderr.write("peak%20"+maxRSS+"\\ncomputed%20"+(userCPUTime+systemCPUTime)+"\\n")})';

const nest = (open: string, close: string, depth: number): string => `services: ${open.repeat(depth)}1${close.repeat(depth)}\n`;
const times = (count: number, line: (index: number) => string): string => Array.from({ length: count }, (_, index) => line(index)).join('');

test.each<[string, string | Readonly<Record<string, string>>, RegExp]>([
  ['aliases that expand without end', `x-0: &l0 [a]\n${times(30, (index) => `x-${String(index + 1)}: &l${String(index + 1)} [${times(10, () => `*l${String(index)},`)}]\n`)}services: {}\n`, /6:\d+: aliases stand for more than 200000 values/],
  ['merge keys that grow without end', `x-0: &l0 {a: b}\n${times(3000, (index) => `x-${String(index + 1)}: &l${String(index + 1)} {<<: *l${String(index)}, k${String(index)}: v}\n`)}services: {}\n`, /aliases stand for more than 200000 values/],
  ['brackets without end', nest('[', ']', 100_000), /1:\d+: nested too deeply/],
  ['mappings without end', nest('{ a: ', '}', 100_000), /1:\d+: nested too deeply/],
  ['indentation without end', times(2500, (index) => `${' '.repeat(index)}a:\n`), /nested too deeply/],
  ['50 MB of services', `services:\n${times(600_000, (index) => `  s${String(index)}:\n    image: nginx:1.27\n    environment: { A: "${'x'.repeat(30)}" }\n`)}`, /expected a stack file, got \d\d MiB; one may have 5/],
  ['50 MB in one line', `services: { a: { image: a, command: "${'x'.repeat(50e6)}" } }\n`, /expected a stack file, got 48 MiB/],
  ['a NUL byte', 'services:\n  a\0b: { image: a }\n', /2:4: expected text, got a NUL byte/],
  ['bytes that are no text', 'services:\n  a: { image: "\u0007" }\n', /2:16: expected text, got the control character U\+0007/],
  ['a service called __proto__', 'services:\n  __proto__: { image: a }\n', /2:3: key "__proto__" cannot be used/],
  ['a variable called __proto__', 'services:\n  a: { image: a, environment: ["__proto__=1"] }\n', /key "__proto__" cannot be used/],
  ['variables in variables without end', `services:\n  a:\n    image: "${'${A:-'.repeat(1500)}${'}'.repeat(1500)}"\n`, /3:12: variables stand in each other more than 50 deep/],
  ['variables one after the other without end', `services:\n  a: { image: "${'$A'.repeat(2_000_000)}" }\n`, /2:15: services\.a\.image: expected an image's name, got an empty string/],
  ['mistakes without end', `services:\n${times(20_000, (index) => `  s${String(index)}: { foo${String(index)}: a }\n`)}`, /2:9: services\.s0: unknown key "foo0" in a service[^]*… and 950 more/],
  ['includes that double without end', { 'compose.yaml': 'include: [f0.yaml]\nservices: {}\n', ...Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${String(index)}.yaml`, `include: [f${String(index + 1)}.yaml, ./f${String(index + 1)}.yaml]\n`])), 'f30.yaml': 'services: { a: { image: a } }\n' }, /include: more than 1000 files are included/],
  ['a row of includes without end', { 'compose.yaml': 'include: [f0.yaml]\nservices: {}\n', ...Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`f${String(index)}.yaml`, `include: [f${String(index + 1)}.yaml]\n`])) }, /f99\.yaml:1:11: include: more than 100 files include each other in a row/],
  ['a row of services that extend each other', `services:\n${times(5000, (index) => `  s${String(index)}: { extends: s${String(index + 1)} }\n`)}  s5000: { image: a }\n`, /services\.s50: more than 50 services extend each other in a row/],
  ['a row of dependencies without end', `services:\n${times(5000, (index) => `  s${String(index)}: { image: a, depends_on: [s${String(index + 1)}] }\n`)}  s5000: { image: a }\n`, /more than 1000 services depend on each other in a row/],
  ['ports without end', `services:\n  a: { image: a, ports: [${times(50, (index) => `"127.0.0.${String(index + 1)}:1-65535:1-65535", `)}] }\n`, /2:\d+: services\.a\.ports\[2\]: 65535 ports are more than a stack may have beside those before them/],
  ['tabs without end', `services:\n${' \t\n'.repeat(100_000)}`, /2:2: expected spaces for indentation, got a tab/],
  ['a file that includes itself', 'include: [compose.yaml]\nservices: {}\n', /1:11: include: files include each other/],
  ['files that include each other', { 'compose.yaml': 'include: [b.yaml]\nservices: {}\n', 'b.yaml': 'include: [compose.yaml]\n' }, /b\.yaml:1:11: include: files include each other/],
  ['services that extend each other', 'services:\n  a: { extends: b }\n  b: { extends: { service: a } }\n', /extends in a cycle: a → b → a/],
  ['services that extend each other across files', { 'compose.yaml': 'services:\n  a: { extends: { file: b.yaml, service: b } }\n', 'b.yaml': 'services:\n  b: { extends: { file: compose.yaml, service: a } }\n' }, /extends in a cycle/],
  ['a path that climbs out', 'include: [../../../../../../../../dev/zero]\nservices: {}\n', /1:11: cannot read \/dev\/zero: it is a device/],
  ['an env file without end', 'services:\n  a: { image: a, env_file: /dev/zero }\n', /2:18: services\.a\.env_file: cannot read \/dev\/zero: it is a device/],
  ['a folder in place of a file', 'include: [/]\nservices: {}\n', /1:11: expected a file, got the folder \/; name the file in it\n  1 \| include: \[\/\]\n/],
  ['a folder as env file', 'services:\n  a: { image: a, env_file: [.] }\n', /2:29: services\.a\.env_file: expected a file, got the folder \/.*; name the file in it\n/],
  ['a folder as label file', 'services:\n  a: { image: a, label_file: [.] }\n', /2:31: services\.a\.label_file: expected a file, got the folder /],
  ['a folder to extend from', 'services:\n  a: { image: a, extends: { file: "", service: b } }\n', /2:35: expected a file, got the folder /],
  ['an unclosed quote before a long text', `services:\n  a: "${'\\"'.repeat(500_000)}`, /2:6: |expected a closing "/],
])('%s', (name, content, told) => {
  const here = join(folder, name.replaceAll(/\W/g, '-'));
  mkdirSync(here);
  for (const [file, text] of Object.entries(typeof content === 'string' ? { 'compose.yaml': content } : content)) writeFileSync(join(here, file), text);
  const { status, stderr } = spawnSync(process.execPath, ['--import', tellUse, program, 'config', '-q'], { cwd: here, encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '' }, timeout: 120_000 });
  expect(stderr).toMatch(told);
  expect(status).toBe(1);
  expect(Number(/^peak (\d+)$/m.exec(stderr)?.[1]) / 1024, 'MiB').toBeLessThan(300);
  // Whatever else the machine does; alone it is two seconds.
  expect(Number(/^computed (\d+)$/m.exec(stderr)?.[1]) / 1000, 'ms').toBeLessThan(5000);
}, 150_000);
