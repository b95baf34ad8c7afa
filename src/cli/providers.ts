import type { EngineClient } from '../client/engine-client.ts';
import { providedVariables, providersOf, type Project, type ServiceConfig } from '../stack/index.ts';
import type { Provider, Providers } from '../state/provider.ts';
import type { Cli } from './cli.ts';
import { callOf, keptProviders, type Tell } from './provider-calls.ts';

/** Has containers brought up that a provider depends on, by service with the condition for each; `providers`: what others have answered by then. */
export type BringUpBefore = (services: NonNullable<ServiceConfig['depends_on']>, providers: Providers) => Promise<void>;

/** What the providers that are not asked are known to have answered, and how what these depend on is brought up. */
export interface BringUp { readonly known: Providers; readonly before: BringUpBefore }

/** Has the providers of these services, and of what they need (none: of all), bring up what they provide, one after the other; answers what each has answered, those too that are `known`. */
export async function bringUpProviders(project: Project, services: readonly string[], { known, before }: BringUp, tell: Tell, cli: Cli): Promise<Providers> {
  const found: Record<string, Provider> = {};
  const wanted = providersOf(project, services);
  if (wanted.size === 0) return known;
  const { callProvider } = await import('./provider-program.ts');
  for (const [service, provider] of wanted) {
    const containers = Object.entries(project.services[service]?.depends_on ?? {}).filter(([name]) => project.services[name] !== undefined && project.services[name].provider === undefined);
    if (containers.length > 0) await before(Object.fromEntries(containers), { ...found });
    providerSteps(new Map([[service, provider]])).forEach(tell);
    const answer = await callProvider('up', callOf(project.name, service, provider, { ...cli.env, ...project.environment }, tell, cli));
    found[service] = { ...provider, ...(answer ?? { variables: {}, raw: {} }) };
    warnOfOverrides(project, service, found[service], cli);
  }
  return Object.fromEntries([...providersOf(project).keys()].flatMap((service) => {
    const provider = found[service] ?? known[service];
    return provider === undefined ? [] : [[service, provider] as const];
  }));
}

/** What they have answered when they were last asked; one that never was is not among them. */
export async function knownProviders(project: Project, client: EngineClient): Promise<Providers> {
  const wanted = providersOf(project);
  if (wanted.size === 0) return {};
  const known = await keptProviders(project.name, client);
  return Object.fromEntries(Object.entries(known).filter(([service]) => wanted.has(service)));
}

/** Those that `up` of the named services (none: of all) asks: not where these are containers that alone are meant. */
export function providersAsked(project: Project, named: readonly string[], dependencies: boolean): ReadonlyMap<string, Pick<Provider, 'type'>> {
  return named.length > 0 && !dependencies && named.every((name) => project.services[name]?.provider === undefined) ? new Map() : providersOf(project, named);
}

/** The same as lines of a plan. */
export function providerSteps(asked: ReadonlyMap<string, Pick<Provider, 'type'>>): readonly string[] {
  return [...asked].map(([service, { type }]) => `provider-up ${service}  (provider ${type})`);
}

/** Names that a provider gives as they are may be somebody else's. */
function warnOfOverrides({ services }: Project, provider: string, { raw }: Provider, cli: Cli): void {
  for (const [name, { depends_on: dependencies = {}, environment = {} }] of Object.entries(services)) {
    if (!Object.hasOwn(dependencies, provider)) continue;
    const given = providedVariables([provider], { [provider]: { type: '', options: {}, variables: {}, raw } });
    for (const [key, value] of Object.entries(given)) if (Object.hasOwn(environment, key) && environment[key] !== value) cli.stderr.write(`warning: provider "${provider}" overrides environment variable "${key}" in service "${name}"\n`);
  }
}
