import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { OptionalPass, ServiceConfig } from '../stack/index.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import { addFileOptions, type StackOptions } from './options.ts';
import { imagesAlone, withPinnedImages } from './pinned-images.ts';
import type { AddCommand } from './program.ts';
import { table } from './table.ts';

interface ConfigOptions extends StackOptions {
  readonly format?: 'json' | 'yaml';
  readonly quiet?: boolean;
  readonly output?: string;
  readonly services?: boolean;
  readonly volumes?: boolean;
  readonly networks?: boolean;
  readonly models?: boolean;
  readonly profiles?: boolean;
  readonly images?: boolean;
  readonly environment?: boolean;
  readonly hash?: string;
  readonly variables?: boolean;
  readonly lockImageDigests?: boolean;
  readonly resolveImageDigests?: boolean;
  readonly interpolate: boolean;
  readonly normalize: boolean;
  readonly consistency: boolean;
  readonly pathResolution: boolean;
  readonly envResolution: boolean;
}

export const addConfig: AddCommand = (program, cli, ends) => {
  addLists(addFileOptions(program.command('config').alias('convert').description('print the stack file as it is understood, in its canonical form')))
    .argument('[service...]', 'only these services and what they depend on')
    .option('--format <format>', '"yaml" or "json"', (value) => {
      if (value !== 'json' && value !== 'yaml') throw new InvalidArgumentError('Expected json or yaml.');
      return value;
    })
    .option('-q, --quiet', 'only check the file')
    .option('-o, --output <file>', 'write to this file')
    .option('--all-resources', 'also networks, volumes and the like that no service uses')
    .option('--no-interpolate', 'leave variables as they are written')
    .option('--no-normalize', 'leave out defaults and full names')
    .option('--no-consistency', 'do not check that names exist and that nothing contradicts itself')
    .option('--no-path-resolution', 'leave paths as they are written')
    .option('--resolve-image-digests', 'write images by the digests that they have at their registries').option('--lock-image-digests', 'print a file with these digests alone, to be laid over the stack\'s own')
    .option('--no-env-resolution', 'leave env files and variables without a value as they are written')
    .action(ends(async (services: readonly string[], _own: ConfigOptions, command: { optsWithGlobals<T>(): T }) => await printConfig(services, command.optsWithGlobals<ConfigOptions>(), cli)));
};

/** What can be printed instead of the whole. */
function addLists(command: Command): Command {
  return command
    .option('--services', 'print the names of the services alone').option('--volumes', 'print the names of the volumes').option('--networks', 'print the names of the networks')
    .option('--models', 'print the models').option('--profiles', 'print the profiles that services name').option('--images', 'print the images')
    .option('--variables', 'print the variables that the file uses, and their defaults')
    .option('--environment', 'print what variables are filled in from').option('--hash <services>', 'print the hash of these services\' configuration; "*": of all');
}

async function printConfig(services: readonly string[], options: ConfigOptions, cli: Cli): Promise<number> {
  const pins = options.lockImageDigests === true || options.resolveImageDigests === true;
  if (pins && !options.interpolate) throw new BayplanError('bad-request', '--no-interpolate: what an image is called has to be known to ask for its digest; leave it out');
  if (options.variables === true || !options.interpolate) return await printRaw(options, cli);
  const { configJson, configYaml, loadProject, serviceHash, servicesInOrder } = await import('./stack-file.ts');
  const left: readonly (readonly [OptionalPass, boolean])[] = [
    ['normalize', !options.normalize], ['consistency', !options.consistency], ['paths', !options.pathResolution], ['environment', !options.envResolution || options.hash !== undefined],
  ];
  // Lists of names are of the whole file, as docker compose has it.
  const whole = options.services === true || options.volumes === true || options.networks === true || options.models === true || options.hash !== undefined;
  const loaded = loadProject(options, cli, { services: whole ? [] : services, keepUnused: options.allResources === true, without: new Set(left.filter(([, out]) => out).map(([pass]) => pass)) });
  const resolved = pins ? await withPinnedImages(loaded, options, cli) : loaded;
  const project = options.lockImageDigests === true ? imagesAlone(resolved) : resolved;
  const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
  const hashed = options.hash === undefined ? [] : options.hash === '*' ? Object.keys(project.services).sort() : options.hash.split(',').sort();
  const text = options.quiet === true ? ''
    : options.services === true ? lines(servicesInOrder(project))
    : options.volumes === true ? lines(Object.keys(project.volumes))
    : options.networks === true ? lines(Object.keys(project.networks))
    : options.models === true ? lines(Object.values(project.models).map(({ model }) => model))
    : options.profiles === true ? lines(project.profiles)
    : options.images === true ? lines(Object.entries(project.services).flatMap(([name, service]) => imagesOf(name, service, project.name)))
    : options.environment === true ? lines(Object.entries(project.environment).map(([name, value]) => `${name}=${value}`).sort())
    : options.hash !== undefined ? lines(hashed.map((name) => `${name} ${serviceHash(name, project)}`))
    : options.format === 'json' ? `${configJson(project)}\n` : configYaml(project);
  if (options.output === undefined) cli.stdout.write(text);
  else if (text !== '') writeFileSync(resolve(cli.cwd, options.output), text);
  return 0;
}

/** A service's image, and those of its hooks that are others. */
function imagesOf(name: string, { image = '', pre_start: hooks = [] }: ServiceConfig, project: string): readonly string[] {
  const own = image === '' ? `${project}-${name}` : image;
  return [...new Set([own, ...hooks.flatMap((hook) => ((hook.image ?? '') === '' ? [] : [hook.image ?? '']))])];
}

/** What does not need the variables filled in. */
async function printRaw(options: ConfigOptions, cli: Cli): Promise<number> {
  const { loadRawModel, rawJson, rawYaml } = await import('./stack-file.ts');
  const { model, variables } = loadRawModel(options, cli, { without: new Set([...(options.pathResolution ? [] : ['paths' as const]), ...(options.normalize ? [] : ['normalize' as const])]) });
  if (options.quiet === true) return 0;
  const json = (): string => JSON.stringify(Object.fromEntries(variables.map(({ name, defaultValue, presenceValue, required }) => [name, { Name: name, DefaultValue: defaultValue, PresenceValue: presenceValue, Required: required }])), null, 4);
  const scalar = (value: string): string => rawYaml({ value }).trimEnd().slice('value: '.length);
  const yaml = (): string => variables.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, defaultValue, presenceValue, required }) => `${scalar(name)}:\n    name: ${scalar(name)}\n    defaultvalue: ${scalar(defaultValue)}\n    presencevalue: ${scalar(presenceValue)}\n    required: ${required}\n`).join('');
  const rows = variables.map(({ name, required, defaultValue, presenceValue }) => [name, String(required), defaultValue, presenceValue]);
  const text = options.variables !== true ? (options.format === 'json' ? `${rawJson(model)}\n` : rawYaml(model))
    : options.format === 'json' ? `${json()}\n` : options.format === 'yaml' ? yaml() : table(['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'], rows, { least: 20 });
  if (options.output === undefined) cli.stdout.write(text);
  else writeFileSync(resolve(cli.cwd, options.output), text);
  return 0;
}
