import type { EngineClient } from '../client/engine-client.ts';
import type { Project } from '../stack/index.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { StackRequest } from '../state/messages.ts';
import { USUAL_PASS } from '../state/pass-options.ts';
import { replicaName } from '../state/replica-name.ts';
import type { Desired } from '../state/state.ts';
import type { Cli } from './cli.ts';
import type { Seen } from './load-project.ts';
import { noService } from './no-service.ts';
import type { MakeOptions, UpOptions } from './make-options.ts';
import { withPullPolicy } from './pull-policy.ts';
import { bytesFor, selectServices, withDependencies } from './select-services.ts';
import type { StackOptions } from './options.ts';
import { orphansIgnored } from './orphans-ignored.ts';
import { passView } from './pass-view.ts';
import type { ProgressMode } from './progress-mode.ts';
import { bringUpProviders, knownProviders, providersAsked, type BringUpBefore } from './providers.ts';
import { requestOf } from './request-of.ts';
import { stackFolderOf } from './stack-folder.ts';

/** What `up`, `create` and `scale` ask of the engine for the named services, none: all. */
export async function upRequest(project: Project, named: readonly string[], options: MakeOptions & Partial<UpOptions>, client: EngineClient, cli: Cli, seen?: Seen): Promise<StackRequest> {
  const unused = options.allResources === true;
  if (Object.keys(project.services).length === 0 && !unused) throw new BayplanError('no-service', 'no service to bring up: the stack file has none, or only such as need a --profile');
  const built = Object.entries(project.services).find(([, { build }]) => build !== undefined);
  if (options.build === true && built !== undefined) throw new BayplanError('not-built', `--build: service "${built[0]}" would have to be built, which is not built yet: build its image elsewhere, and load it`);
  if (options.forceRecreate === true && !options.recreate) throw new BayplanError('bad-request', '--force-recreate and --no-recreate cannot both be meant');
  // Providers first: what they answer is part of what the others are made from. They are no services of the engine's.
  const tell = (line: string): void => { if (options.progress !== 'quiet' && options.progress !== 'json') cli.stdout.write(`${line}\n`); };
  const known = await knownProviders(project, client);
  const asks = options.dryRun !== true && providersAsked(project, named, options.deps !== false).size > 0;
  if (asks) await client.planStack(project.name, await requestOf(project, options, cli, { from: stackFolderOf(options, cli), providers: known, services: named })); // what is refused in any case is refused before somebody else's program makes anything
  const providers = asks ? await bringUpProviders(project, named, { known, before: options.start === false ? () => Promise.resolve() : bringingUp(project, options, client, cli) }, tell, cli) : known;
  if (options.dryRun !== true && Object.keys(project.models).length > 0) await (await import('./models.ts')).bringUpModels(project, named, tell, cli);
  const services = named.filter((name) => project.services[name]?.provider === undefined);
  const made = await requestOf(project, options, cli, { providers, services: named, dependencies: options.deps !== false, unused, removeOrphans: options.removeOrphans === true, from: stackFolderOf(options, cli), ...(seen === undefined ? {} : { seen }) });
  const request = { ...made, desired: { ...scaledBy(made.desired, options.scale ?? {}), stopTimeoutSeconds: options.timeout ?? null } };
  const dependencies = options.deps !== false;
  const only = named.length === 0 ? null : [...withDependencies(request.desired, services, dependencies)];
  const recreated = named.length === 0 || options.alwaysRecreateDeps === true ? only : [...services];
  const narrowed = named.length === 0 ? request : await narrow(request, services, dependencies, project.name, client);
  const all = unused ? { ...narrowed.desired, networks: { ...narrowed.desired.networks, ...made.desired.networks }, volumes: { ...narrowed.desired.volumes, ...made.desired.volumes } } : narrowed.desired;
  const desired = options.start === false ? { ...all, unstarted: namesOf(all, only) } : all;
  const how = { only, recreate: options.forceRecreate === true ? 'always' as const : options.recreate === false ? 'never' as const : 'changed' as const, recreated, renewVolumes: options.renewAnonVolumes === true, goingBack: false, left: [], ...orphansIgnored(options, cli) };
  return withPullPolicy({ ...narrowed, desired, options: how, ...(options.rollbackOnFailure === true ? { onFailure: 'rollback' } : {}) }, options.pull);
}

/** Brings up what a provider depends on, as `up SERVICE…` does. */
export function bringingUp(project: Project, options: StackOptions & { readonly progress?: ProgressMode }, client: EngineClient, cli: Cli): BringUpBefore {
  return async (dependencies, providers) => {
    const names = Object.keys(dependencies);
    const made = await requestOf(project, options, cli, { providers, services: names, from: stackFolderOf(options, cli) });
    const request = { ...await narrow(made, names, true, project.name, client), options: { ...USUAL_PASS, only: [...withDependencies(made.desired, names)] } };
    const view = passView(options.progress ?? 'plain', cli);
    try {
      for await (const event of client.applyStack(project.name, request, { wait: Object.values(dependencies).some(({ condition }) => condition !== 'service_started'), attached: true })) view.event(event);
      if (view.finish() !== 0) throw new BayplanError('dependencies', `${names.join(', ')}, which a provider depends on, could not be started`);
    } finally {
      view.close();
    }
  };
}

function scaledBy(desired: Desired, scale: Readonly<Record<string, number>>): Desired {
  const services = { ...desired.services };
  for (const [name, replicas] of Object.entries(scale)) {
    const service = services[name];
    if (service === undefined) throw noService(name, 'the stack file', Object.keys(desired.services));
    if (service.containerName !== '' && replicas > 1) throw new BayplanError('bad-request', `service "${name}" has the container_name "${service.containerName}", which ${replicas} containers cannot share: remove it from the file`);
    services[name] = { ...service, replicas };
  }
  return { ...desired, services };
}

async function narrow(request: StackRequest, services: readonly string[], dependencies: boolean, stack: string, client: EngineClient): Promise<StackRequest> {
  try {
    const { revision, desired } = await client.stack(stack);
    const selected = selectServices(request.desired, desired, services, dependencies);
    return { ...request, base: revision, desired: selected, bytes: bytesFor(selected, request.bytes) };
  } catch (error) {
    if (!(error instanceof BayplanError && error.code === 'not-found')) throw error;
    const selected = selectServices(request.desired, null, services, dependencies);
    return { ...request, base: 0, desired: selected, bytes: bytesFor(selected, request.bytes) };
  }
}

/** Containers of these services (null: of all), as the planner calls them. */
function namesOf({ stack, services }: Desired, only: readonly string[] | null): string[] {
  return Object.entries(services).filter(([service]) => only?.includes(service) !== false)
    .flatMap(([service, { replicas, containerName }]) => Array.from({ length: replicas }, (_, index) => replicaName(stack, service, containerName, index + 1)));
}
