import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Provider, Providers } from '../state/provider.ts';
import type { Cli } from './cli.ts';
import type { ProviderCall, ProviderVerb } from './provider-program.ts';

export type Tell = (line: string) => void;

/** Of a stack as it was last brought up, the providers of the named services (none: of all), and which of those are containers. */
export async function providersMeant(stack: string, named: readonly string[], client: EngineClient): Promise<{ readonly providers: ReadonlyMap<string, Provider>; readonly services: readonly string[] }> {
  const kept = await keptProviders(stack, client);
  return { providers: new Map(Object.entries(kept).filter(([service]) => named.length === 0 || named.includes(service))), services: named.filter((service) => kept[service] === undefined) };
}

/** Has providers do what a stack's containers have been asked to do, dependents first. Answers how many know how. One that fails keeps none of the others from being asked; then throws BayplanError `provider`, a line for each. */
export async function callProviders(verb: Exclude<ProviderVerb, 'up'>, stack: string, providers: ReadonlyMap<string, Provider>, tell: Tell, cli: Cli): Promise<number> {
  let called = 0;
  const failures: string[] = [];
  if (providers.size === 0) return called;
  const { callProvider } = await import('./provider-program.ts');
  for (const [service, provider] of [...providers].reverse()) {
    try {
      const answer = await callProvider(verb, callOf(stack, service, provider, cli.env, tell, cli));
      if (answer === null) continue;
      tell(`provider-${verb} ${service}  (provider ${provider.type})`);
      called++;
    } catch (error) {
      if (!(error instanceof BayplanError && error.code === 'provider')) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length > 0) throw new BayplanError('provider', failures.join('\n'));
  return called;
}

/** Those of a stack as it was last brought up; none where there is no such stack. */
export async function keptProviders(stack: string, client: EngineClient): Promise<Providers> {
  try {
    return (await client.stack(stack)).desired?.providers ?? {};
  } catch (error) {
    if (error instanceof BayplanError && error.code === 'not-found') return {};
    throw error;
  }
}

export function callOf(project: string, service: string, provider: Pick<Provider, 'type' | 'options'>, env: ProviderCall['env'], tell: Tell, cli: Cli): ProviderCall {
  return {
    project, service, provider, env, cwd: cli.cwd, info: (message) => { tell(`${service}: ${message}`); }, complain: (text) => { cli.stderr.write(text); },
    debug: (message) => { if (cli.env['BAYPLAN_DEBUG'] === '1') cli.stderr.write(`${service}: ${message}\n`); },
  };
}
