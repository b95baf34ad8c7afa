import { spawn } from 'node:child_process';
import { modelsOf, type Project, type ServedModel } from '../stack/index.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import { pluginOf } from './provider-program.ts';

/** From this version on the plugin takes flags for what runs a model. */
const FLAGS_SINCE = [1, 0, 6];

/** Has the runner pull the models that it has not, and configure all that these services (none: any) use. One whose endpoint the file names is somebody else's affair. */
export async function bringUpModels(project: Project, services: readonly string[], tell: (line: string) => void, cli: Cli): Promise<void> {
  const wanted = [...modelsOf(project, services)].filter(([, { endpoint }]) => endpoint === '');
  if (wanted.length === 0) return;
  const runner = runnerOf(wanted, project, cli);
  const there = tagsIn(await runner(['ls', '--json']));
  const flagsTaken = isAtLeast(await runner(['docker-cli-plugin-metadata']), FLAGS_SINCE);
  for (const [key, { model, contextSize, flags }] of wanted) {
    if (!there.includes(model)) {
      tell(`pull-model ${key}  (${model} is not there)`);
      await runner(['pull', model]);
    }
    await runner(['configure', ...(contextSize > 0 ? ['--context-size', String(contextSize)] : []), model, ...(flags.length > 0 && flagsTaken ? ['--', ...flags] : [])]);
  }
}

/** Where each model that these services (none: any) use answers: at the endpoint that the file names, or at the runner's. Throws BayplanError `no-runner` where there is none. */
export async function servedModels(project: Project, services: readonly string[], cli: Cli): Promise<ReadonlyMap<string, ServedModel>> {
  const models = modelsOf(project, services);
  const wanted = [...models].filter(([, { endpoint }]) => endpoint === '');
  const runners = wanted.length === 0 ? '' : endpointIn(await runnerOf(wanted, project, cli)(['status', '--json']));
  return new Map([...models].map(([key, { model, endpoint }]) => [key, { name: model, endpoint: endpoint === '' ? runners : endpoint }]));
}

/** Runs docker's model plugin, and answers what it says. */
function runnerOf([first]: readonly (readonly [string, unknown])[], project: Project, cli: Cli): (args: readonly string[]) => Promise<string> {
  const env = { ...cli.env, ...project.environment };
  const plugin = pluginOf('model', env);
  if (plugin === null) throw new BayplanError('no-runner', `models.${first?.[0] ?? ''}: docker's plugin "model", which runs models, is not installed: install docker-model-plugin, or say where the model answers by \`x-bayplan: { endpoint: URL }\` below it`);
  return async (args) => {
    const child = spawn(plugin, args, { env, cwd: cli.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => { out += chunk; });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => { err += chunk; });
    const code = await new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.once('error', (cause) => { reject(new BayplanError('runner', `${plugin} cannot be run: ${cause.message}`, { cause })); });
      child.once('close', (status, signal) => { resolve(status ?? signal ?? 'SIGKILL'); });
    });
    if (code !== 0) throw new BayplanError('runner', `docker model ${args.join(' ')}: ${err.trim().split('\n').at(-1) || `it ended with ${typeof code === 'number' ? `status ${code}` : code}`}`);
    return out;
  };
}

function endpointIn(text: string): string {
  const value = parsed(text, 'status');
  if (typeof value === 'object' && value !== null && 'endpoint' in value && typeof value.endpoint === 'string') return value.endpoint;
  throw new BayplanError('runner', 'docker model status: it names no endpoint');
}

function tagsIn(text: string): readonly string[] {
  const value = parsed(text, 'ls');
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list.flatMap((one) => (typeof one === 'object' && one !== null && 'tags' in one && Array.isArray(one.tags) ? one.tags.filter((tag): tag is string => typeof tag === 'string') : []));
}

/** By what a plugin says of itself; false where that is no version. */
function isAtLeast(metadata: string, wanted: readonly number[]): boolean {
  const value = parsed(metadata, 'docker-cli-plugin-metadata');
  const version = typeof value === 'object' && value !== null && 'Version' in value ? String(value.Version) : '';
  const parts = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [0];
  const at = wanted.findIndex((part, index) => (parts[index] ?? 0) !== part);
  return at < 0 || (parts[at] ?? 0) > (wanted[at] ?? 0);
}

function parsed(text: string, verb: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BayplanError('runner', `docker model ${verb}: its answer is not JSON`, { cause });
  }
}
