import { dirname, isAbsolute } from 'node:path/posix';
import { checkNetworks } from './check-networks.ts';
import { checkPorts } from './check-ports.ts';
import { checkStack } from './check.ts';
import { checkValues } from './check-values.ts';
import { seccompProfiles } from './confinement.ts';
import { contentSources } from './contents.ts';
import { parseEnvFile } from './dotenv.ts';
import { withoutTags } from './merge.ts';
import { Mistakes, TooManyMistakes } from './mistake.ts';
import { checkUnfilled } from './check-unfilled.ts';
import type { Mistake } from './mistake.ts';
import { suggest } from './nearest.ts';
import { normalizeService } from './normalize.ts';
import { normalizeProjectName, projectNameMistake, projectNameOf } from './project-name.ts';
import type { Project } from './project.ts';
import { StackReader } from './read-stack.ts';
import type { Located, Remote } from './remote.ts';
import { withScaleInDeploy } from './replicas.ts';
import { resolveEnvironment, resolveLabels } from './resolve-environment.ts';
import { stackSchema } from './schema.ts';
import type { StackConfig } from './schema.ts';
import type { ServiceConfig } from './service-schema.ts';
import { rawModel } from './raw-model.ts';
import { readOr } from './read-or.ts';
import { reviewSupport } from './support.ts';
import { variablesOf, type Variable } from './variables.ts';
import { fillTemplate } from './template.ts';
import type { Lookup } from './template.ts';
import { child, dict, plain } from './tree.ts';
import type { Dict, Leaf } from './tree.ts';
import { cleanPath } from './volume-spec.ts';

export interface LoadInput {
  /** Absolute paths; the first is the main file, later ones override. */
  readonly files: readonly string[];
  /** Absolute; what relative paths are relative to, and the folder of `.env`. */
  readonly workingDir: string;
  /** `-p`. */
  readonly projectName: string | null;
  /** The process's. */
  readonly environment: Readonly<Record<string, string>>;
  /** `--profile`; empty: COMPOSE_PROFILES. `*` stands for all. */
  readonly profiles: readonly string[];
  /** `--env-file`, absolute, the last wins; null: `.env` of `calledFrom` and of the working folder, where there are such files, the first wins. */
  readonly envFiles: readonly string[] | null;
  /** Absolute; where a stack was looked for before its files were known. Left out: the working folder. */
  readonly calledFrom?: string;
  /** The text of a file, null where it does not exist. */
  readonly read: (path: string) => string | null;
  /** An absolute path with a link on its way followed; left out: as it is. */
  readonly followLink?: (path: string) => string;
  /** Brings stack files from elsewhere; left out: they are a mistake. */
  readonly locate?: (remote: Remote) => Located;
  /** Only these services and what they depend on; empty or left out: all. */
  readonly services?: readonly string[];
  /** Services that a command names: their profiles are active, as if they were chosen (Compose Specification, profiles). Others that there are not are no mistake. */
  readonly named?: readonly string[];
  /** Networks, volumes and the like that no service uses are kept. */
  readonly keepUnused?: boolean;
  /** Passes that are left out; for `config` alone. */
  readonly without?: ReadonlySet<OptionalPass>;
}

/**
 * `normalize`: defaults, names and what follows from other keys. `consistency`: that names exist and nothing contradicts itself. `paths`: absolute paths.
 * `environment`: the contents of env files and of variables without a value.
 */
export type OptionalPass = 'normalize' | 'consistency' | 'paths' | 'environment';

export interface LoadResult {
  /** Null where there are mistakes. */
  readonly project: Project | null;
  readonly mistakes: readonly Mistake[];
  /** One line each: variables that are not set. */
  readonly warnings: readonly string[];
}

/**
 * Loads a stack (Compose Specification): all mistakes at once, never thrown. The passes, in order: parse, interpolate,
 * extends, include, merge (these per file, in StackReader), `!reset`, validate and canonicalise (one walk by the schema),
 * profiles, environments, defaults, references, and at last what this version does not do.
 */
export function loadStack(input: LoadInput): LoadResult {
  const mistakes = new Mistakes(MOST_MISTAKES);
  const warnings = new Map<string, string>();
  const project = untilTooMany(() => load(input, mistakes, (name, line) => { if (!warnings.has(name)) warnings.set(name, line); }));
  return { project: mistakes.count === 0 ? project : null, mistakes: mistakes.all(), warnings: [...warnings.values()] };
}

const EMPTY = 'expected a mapping with "services", got an empty file; begin with "services:"';

/** Nobody reads more; one that makes files does the same wrong thing everywhere. */
const MOST_MISTAKES = 1000;
/** Two whole ranges: a line of a file can mean 65,535 ports, and a file have many lines. */
const MOST_PORTS = 2 * 65_535;

/** Null where there were too many mistakes to go on. */
function untilTooMany<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof TooManyMistakes) return null;
    throw error;
  }
}

/** A stack whose variables are left as they are written; for `config --no-interpolate` and `--variables`. */
export interface RawResult {
  /** Null where there are mistakes. */
  readonly model: unknown;
  readonly variables: readonly Variable[];
  readonly mistakes: readonly Mistake[];
}

/** Loads a stack without filling in variables: parse, extends, include, merge, and long forms. */
export function loadRaw(input: LoadInput): RawResult {
  const mistakes = new Mistakes(MOST_MISTAKES);
  return untilTooMany(() => loadTree(input, mistakes)) ?? { model: null, variables: [], mistakes: mistakes.all() };
}

function loadTree(input: LoadInput, mistakes: Mistakes): RawResult {
  const environment = readEnvironment(input, mistakes);
  const reader = new StackReader({ read: input.read, mistakes, warn: () => undefined, raw: true, relative: input.without?.has('paths') === true, ...(input.locate === undefined ? {} : { locate: input.locate }) });
  for (const file of input.files) if (reader.documents(file) === null) mistakes.addFile(file, 'the file does not exist');
  const name = chooseName(input, reader, environment, mistakes, true);
  const merged = mistakes.count > 0 ? null : reader.stack(input.files, input.workingDir, environment);
  if (merged === null && mistakes.count === 0) mistakes.addFile(input.files[0] ?? input.workingDir, EMPTY);
  if (merged === null || mistakes.count > 0) return { model: null, variables: [], mistakes: mistakes.all() };
  const tree = withoutTags(merged);
  checkUnfilled(tree, mistakes);
  if (mistakes.count > 0) return { model: null, variables: [], mistakes: mistakes.all() };
  const resolve = (path: string): string => input.without?.has('paths') === true ? path : resolvePath(path, input.workingDir, environment('HOME'));
  const resolveLink = (path: string): string => input.without?.has('paths') === true ? path : (input.followLink ?? ((it) => it))(resolve(path));
  return { model: rawModel(tree, { name, resolve, resolveLink, normalize: input.without?.has('normalize') !== true }), variables: variablesOf(tree), mistakes: [] };
}

function load(input: LoadInput, mistakes: Mistakes, warn: (name: string, line: string) => void): Project | null {
  const environment = readEnvironment(input, mistakes);
  const without = (pass: OptionalPass): boolean => input.without?.has(pass) === true;
  const reader = new StackReader({ read: input.read, mistakes, warn, relative: input.without?.has('paths') === true, ...(input.locate === undefined ? {} : { locate: input.locate }) });
  for (const file of input.files) {
    const documents = reader.documents(file);
    if (documents === null) mistakes.addFile(file, 'the file does not exist');
    else if (documents.length === 0 && mistakes.count === 0 && input.files.length === 1) mistakes.addFile(file, EMPTY);
  }
  if (mistakes.count > 0) return null;

  const name = chooseName(input, reader, environment, mistakes);
  const lookup: Lookup = (variable) => variable === 'COMPOSE_PROJECT_NAME' ? name : environment(variable);
  const merged = reader.stack(input.files, input.workingDir, lookup);
  if (merged === null) return null;
  const tree = withoutTags(merged);
  if (tree.kind !== 'dict') return null;

  const absolute = (path: string): string => without('paths') ? path : resolvePath(path, input.workingDir, environment('HOME'));
  const resolveLink = (path: string): string => without('paths') ? path : (input.followLink ?? ((it) => it))(absolute(path));
  const stack = stackSchema.read(withoutExtensions(tree), { mistakes, resolve: absolute, resolveLink, ports: { left: MOST_PORTS } }, '');
  if (stack === undefined) return null;
  const selected = input.services ?? [];
  const { active, inactive } = selectProfiles(stack, chosenProfiles(input, environment), [...selected, ...input.named ?? []]);
  const normalized = Object.fromEntries(Object.entries(active).map(([key, service]) => [key, without('normalize') ? service : normalizeService(service, lookup)]));
  if (!without('consistency')) checkStack(stack, normalized, inactive, tree, mistakes);
  const checked = without('consistency') ? normalized : Object.fromEntries(Object.entries(normalized).map(([key, service]) => [key, withScaleInDeploy(service)]));
  // What a command does not touch need not be whole: it is left as it is.
  const touched = input.named === undefined || input.named.length === 0 ? null : new Set(Object.keys(selectServices(checked, input.named, new Mistakes())));
  const services: Record<string, ServiceConfig> = {};
  for (const [key, service] of Object.entries(selectServices(checked, selected, mistakes))) {
    const labelled = resolveLabels(key, service, tree, input.read, mistakes);
    const files = touched?.has(key) === false ? labelled.env_file?.map((file) => ({ ...file, required: false })) : labelled.env_file;
    services[key] = without('environment') ? labelled : resolveEnvironment(key, { ...labelled, ...(files === undefined ? {} : { env_file: files }) }, tree, lookup, input.read, mistakes);
  }
  const refusals = new Mistakes();
  checkValues(stack, services, tree, refusals);
  checkPorts(services, tree, refusals);
  checkNetworks(stack, services, tree, refusals);
  // Where there are mistakes anyhow, these are told along with them.
  if (mistakes.count > 0) mistakes.addAll(refusals);
  const seccomp = seccompProfiles(services, input.workingDir, input.read);
  const support = reviewSupport(stack, services, { workingDir: input.workingDir, profiles: seccomp }, tree);
  const resources = nameResources(without('normalize') ? null : name, stack, services, input.keepUnused === true);
  return {
    name, workingDir: input.workingDir, files: input.files, envFiles: input.envFiles ?? [], services, inactive: Object.keys(inactive),
    profiles: [...new Set(Object.values(stack.services ?? {}).flatMap(({ profiles }) => profiles ?? []))].sort(), environment: { ...environmentOf(input, environment), COMPOSE_PROJECT_NAME: name },
    ...resources, contents: contentSources(resources, services, tree, (variable, at) => lookup(variable) ?? reader.includedValue(at)), seccompProfiles: seccomp, extensions: extensionsOf(tree), notes: support.notes, refusals: [...refusals.all(), ...support.refusals],
  };
}

/** Process over env files; later env files over earlier ones, but for the two that nobody named. */
function readEnvironment(input: LoadInput, mistakes: Mistakes): Environment {
  const fromFiles = new Map<string, string>();
  const own = (name: string): string | undefined => Object.hasOwn(input.environment, name) ? input.environment[name] : undefined;
  const found = (name: string): string | undefined => own(name) ?? fromFiles.get(name);
  const unnamed = new Set([input.calledFrom ?? input.workingDir, input.workingDir].map((folder) => `${folder}/.env`));
  for (const file of input.envFiles ?? unnamed) {
    const text = readOr('', input.read, file, (message) => { mistakes.addFile(file, message); });
    if (text === null) {
      if (input.envFiles !== null) mistakes.addFile(file, 'the env file does not exist');
      continue;
    }
    const lookup = input.envFiles === null ? found : own;
    for (const [key, value] of parseEnvFile(file, text, lookup, mistakes, { earlier: (name) => fromFiles.get(name), nameless: true })) if (input.envFiles !== null || !fromFiles.has(key)) fromFiles.set(key, value);
  }
  return Object.assign((name: string) => own(name) ?? fromFiles.get(name), { names: [...fromFiles.keys()] });
}

/** What variables of files are filled in from: the process's and those of env files. */
interface Environment extends Lookup { readonly names: readonly string[] }

function environmentOf(input: LoadInput, environment: Environment): Record<string, string> {
  return { ...Object.fromEntries(environment.names.map((name) => [name, environment(name) ?? ''])), ...input.environment };
}

/** `-p`, else COMPOSE_PROJECT_NAME, else the last `name:`, else the folder's name. */
function chooseName(input: LoadInput, reader: StackReader, environment: Lookup, mistakes: Mistakes, raw = false): string {
  const check = (name: string, add: (message: string) => void): string => {
    const message = projectNameMistake(name);
    if (message !== null) add(message);
    return name;
  };
  const fromFolder = (): string => {
    const name = projectNameOf(input.workingDir === '' ? dirname(input.files[0] ?? '') : input.workingDir);
    if (name === '') mistakes.addFile(input.files[0] ?? input.workingDir, `the folder ${input.workingDir} gives no project name; add "name:" or use -p`);
    return name;
  };
  if (input.projectName !== null) return check(input.projectName, (message) => { mistakes.addFile('-p', message); });
  const fromEnvironment = environment('COMPOSE_PROJECT_NAME') ?? '';
  if (fromEnvironment !== '') return check(fromEnvironment, (message) => { mistakes.addFile('COMPOSE_PROJECT_NAME', message); });
  const names = input.files.flatMap((file) => reader.documents(file) ?? []).map((document) => child(document, 'name'));
  const last = names.filter((node): node is Leaf => node?.kind === 'leaf' && typeof node.value === 'string' && node.text !== '').at(-1);
  if (last !== undefined) {
    const filled = raw ? { text: last.text, problem: null } : fillTemplate(last.text, environment, () => undefined);
    const name = normalizeProjectName(filled.text);
    if (name === '' && filled.problem === null) mistakes.add(last.at, `name: expected a project name of lower-case letters, digits, "_" and "-" that starts with a letter or digit, got ${JSON.stringify(filled.text)}`);
    return name;
  }
  return fromFolder();
}

function chosenProfiles(input: LoadInput, environment: Lookup): readonly string[] {
  if (input.profiles.length > 0) return input.profiles;
  return (environment('COMPOSE_PROFILES') ?? '').split(',').map((each) => each.trim()); // none: that of no name, as docker compose has it
}

/** A service that is named brings the profiles that it is of, unless it is active without. */
function selectProfiles({ services = {} }: StackConfig, chosen: readonly string[], named: readonly string[]): { active: Record<string, ServiceConfig>; inactive: Record<string, ServiceConfig> } {
  const isActive = ({ profiles = [] }: ServiceConfig, among: readonly string[]): boolean => profiles.length === 0 || among.includes('*') || profiles.some((profile) => among.includes(profile));
  const brought = named.flatMap((name) => {
    const service = Object.hasOwn(services, name) ? services[name] : undefined;
    return service === undefined || isActive(service, chosen) ? [] : service.profiles ?? [];
  });
  const active: Record<string, ServiceConfig> = {};
  const inactive: Record<string, ServiceConfig> = {};
  for (const [name, service] of Object.entries(services)) (isActive(service, [...chosen, ...brought]) ? active : inactive)[name] = service;
  return { active, inactive };
}

/** The named services and all they need; all where none is named. */
function selectServices(services: Readonly<Record<string, ServiceConfig>>, names: readonly string[], mistakes: Mistakes): Readonly<Record<string, ServiceConfig>> {
  if (names.length === 0) return services;
  const wanted = new Set<string>();
  const take = (name: string): void => {
    if (wanted.has(name) || !Object.hasOwn(services, name)) return;
    wanted.add(name);
    Object.keys(services[name]?.depends_on ?? {}).forEach(take);
  };
  for (const name of names) {
    if (!Object.hasOwn(services, name)) mistakes.addFile(name, `no such service${suggest(name, Object.keys(services))}`);
    take(name);
  }
  return Object.fromEntries(Object.entries(services).filter(([name]) => wanted.has(name)));
}

/** Full names: `project_key`, the `name:` of a resource, the bare key of an external one. `project` null: as the file has them. */
function nameResources(project: string | null, stack: StackConfig, services: Readonly<Record<string, ServiceConfig>>, keepUnused: boolean): Pick<Project, 'networks' | 'volumes' | 'secrets' | 'configs' | 'models'> {
  const usesDefault = project !== null && Object.values(services).some((service) => Object.hasOwn(service.networks ?? {}, 'default'));
  const full = <T extends { readonly name?: string; readonly external?: boolean }>(all: Readonly<Record<string, T | null>> | undefined): Record<string, T & { readonly name: string }> =>
    Object.fromEntries(Object.entries(all ?? {}).map(([key, value]) => {
      // The cast: a resource without a body is one whose keys are all left out.
      const given = value ?? ({} as T);
      return [key, { ...given, name: given.name ?? (project === null ? '' : given.external === true ? key : `${project}_${key}`) }];
    }));
  const used = usedResources(Object.values(services));
  const only = <T>(all: Readonly<Record<string, T>>, keys: ReadonlySet<string>): Record<string, T> => Object.fromEntries(Object.entries(all).filter(([key]) => keepUnused || keys.has(key)));
  return {
    networks: only(full({ ...(usesDefault ? { default: null } : {}), ...stack.networks }), used.networks),
    volumes: only(full(stack.volumes), used.volumes), secrets: only(full(stack.secrets), used.secrets), configs: only(full(stack.configs), used.configs),
    models: only(stack.models ?? {}, used.models),
  };
}

type Used = Readonly<Record<'networks' | 'volumes' | 'secrets' | 'configs' | 'models', ReadonlySet<string>>>;

/** What services need; the rest is as if the file did not have it. */
function usedResources(services: readonly ServiceConfig[]): Used {
  return {
    networks: new Set(services.flatMap(({ networks }) => Object.keys(networks ?? {}))),
    volumes: new Set(services.flatMap(({ volumes }) => (volumes ?? []).flatMap(({ type, source }) => type === 'volume' && source !== undefined ? [source] : []))),
    secrets: new Set(services.flatMap(({ secrets, build }) => [...(secrets ?? []), ...(build?.secrets ?? [])].map(({ source }) => source))),
    configs: new Set(services.flatMap(({ configs }) => (configs ?? []).map(({ source }) => source))),
    models: new Set(services.flatMap(({ models }) => Object.keys(models ?? {}))),
  };
}

function withoutExtensions(tree: Dict): Dict {
  return dict(new Map([...tree.entries].filter(([key]) => !key.startsWith('x-'))), tree.at);
}

function extensionsOf(tree: Dict): Record<string, unknown> {
  return Object.fromEntries([...tree.entries].filter(([key]) => key.startsWith('x-')).map(([key, entry]) => [key, plain(entry.value)]));
}

function resolvePath(path: string, folder: string, home: string | undefined): string {
  if (home !== undefined && path.startsWith('~')) return cleanPath(`${home}/${path.slice(1)}`);
  // An absolute path stays as it was written.
  return isAbsolute(path) ? path : cleanPath(`${folder}/${path}`);
}
