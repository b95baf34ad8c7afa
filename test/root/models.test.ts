import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { bayplan, Machine } from './harness.ts';

// Models that services use, with a stand-in for docker's plugin that runs them.
const machine = new Machine();
const file = join(machine.folder, 'compose.yaml');
const calls = join(machine.folder, 'calls');
const plugins = join(machine.folder, 'docker/cli-plugins');
const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '--file', file, ...args], { cwd: machine.folder, env: { DOCKER_CONFIG: join(machine.folder, 'docker') } });
const called = (): readonly string[] => readFileSync(calls, 'utf8').trimEnd().split('\n').slice(1);
const SLEEP = 'image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none';
const stack = (models: string): string => `name: demo\nservices:\n  short: { ${SLEEP}, models: [my-llm] }\n  long: { ${SLEEP}, models: { my-llm: { model_var: NAME, endpoint_var: AT } } }\nmodels: { my-llm: { ${models} } }\n`;

function runner(version: string, more = ''): void {
  mkdirSync(plugins, { recursive: true });
  writeFileSync(join(plugins, 'docker-model'), `#!/bin/sh
echo "$*" >> ${calls}
case "$1" in
  docker-cli-plugin-metadata) echo '{"Version": "${version}"}' ;;
  ls) echo '[{"id": "a", "tags": ["ai/there"], "created": 1}]' ;;
  status) echo '{"running": true, "endpoint": "http://model-runner/v1"}' ;;
  ${more}
esac
`);
  chmodSync(join(plugins, 'docker-model'), 0o755);
}

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
});
beforeEach(() => { writeFileSync(calls, '\n'); });
afterAll(async () => {
  await own('down');
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

it('are pulled and configured by the runner, and services know where they answer', async () => {
  runner('v1.0.6');
  writeFileSync(file, stack('model: ai/new, context_size: 1024, runtime_flags: ["--temp", "1"]'));
  const up = await own('up', '-d');
  expect(up).toMatchObject({ code: 0, stderr: '' });
  expect(up.stdout).toMatch(/^pull-model my-llm {2}\(ai\/new is not there\)\ncreate-container /);
  expect(called()).toEqual(['ls --json', 'docker-cli-plugin-metadata', 'pull ai/new', 'configure --context-size 1024 ai/new -- --temp 1', 'status --json']);
  expect((await own('exec', 'short', 'sh', '-c', 'echo $MY_LLM_MODEL $MY_LLM_URL')).stdout).toBe('ai/new http://model-runner/v1\n');
  expect((await own('exec', 'long', 'sh', '-c', 'echo $NAME $AT $MY_LLM_URL.')).stdout).toBe('ai/new http://model-runner/v1 .\n');
  writeFileSync(calls, '\n');
  expect(await own('plan')).toMatchObject({ code: 0, stdout: 'nothing to do\n' });
  expect(called()).toEqual(['status --json']);
  // An older one knows no flags; one that is there is not pulled.
  runner('v1.0.5');
  writeFileSync(calls, '\n');
  writeFileSync(file, stack('model: ai/there, runtime_flags: [x]'));
  expect((await own('up', '-d')).stdout).toContain('environment.MY_LLM_MODEL changed');
  expect(called()).toEqual(['ls --json', 'docker-cli-plugin-metadata', 'configure ai/there', 'status --json']);
});

it('may answer somewhere else, where no runner is needed', async () => {
  rmSync(plugins, { recursive: true, force: true });
  writeFileSync(file, stack('model: gpt, x-bayplan: { endpoint: "http://far/v1" }'));
  expect(await own('up', '-d')).toMatchObject({ code: 0, stderr: '' });
  expect((await own('exec', 'short', 'sh', '-c', 'echo $MY_LLM_MODEL $MY_LLM_URL')).stdout).toBe('gpt http://far/v1\n');
  await own('down');
});

it('what fails is told in a line, and makes nothing', async () => {
  rmSync(plugins, { recursive: true, force: true });
  writeFileSync(file, stack('model: ai/new'));
  const missing = 'bayplan: models.my-llm: docker\'s plugin "model", which runs models, is not installed: install docker-model-plugin, or say where the model answers by `x-bayplan: { endpoint: URL }` below it\n';
  expect(await own('up', '-d')).toMatchObject({ code: 1, stderr: missing });
  expect(await own('plan')).toMatchObject({ code: 1, stderr: missing });
  // Who needs none is not kept from running.
  writeFileSync(file, `${stack('model: ai/new').replace('services:', `services:\n  plain: { ${SLEEP} }`)}`);
  expect(await own('up', '-d', 'plain')).toMatchObject({ code: 0, stderr: '' });
  expect(await own('run', '--rm', 'plain', 'true')).toMatchObject({ code: 0 });
  await own('down');
  expect((await own('config', '--models')).stdout).toBe('ai/new\n');
  runner('1', 'pull) echo no such model >&2; exit 1 ;;');
  expect(await own('up', '-d')).toMatchObject({ code: 1, stderr: 'bayplan: docker model pull ai/new: no such model\n' });
  expect((await own('ps', '-a', '--services')).stdout).toBe('');
});
