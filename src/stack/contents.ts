import type { Grant, OnChange } from '../state/container.ts';
import { contentKey, type Content } from '../state/content.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { formatMistake, mistakeAt } from './mistake.ts';
import type { Mistake } from './mistake.ts';
import type { Project } from './project.ts';
import type { ConfigResource, SecretResource, StackConfig } from './schema.ts';
import type { ServiceConfig } from './service-schema.ts';
import type { GrantConfig, OnChangeConfig } from './short-forms.ts';
import type { Place } from './source-text.ts';
import { placeOf } from './tree.ts';
import type { Tree } from './tree.ts';

/** Where a config or secret that some service uses has its bytes from (Compose Specification 08-configs, 09-secrets). */
export interface ContentSource {
  /** As in `State.contents`. */
  readonly key: string;
  readonly kind: Content['kind'];
  readonly from: 'external' | { readonly file: string } | { readonly variable: string; readonly value: string | undefined } | { readonly text: string };
  /** Where the file declares it; the message is what it is called there. */
  readonly at: Mistake;
}

type Named<T> = Readonly<Record<string, T & { readonly name: string }>>;

/** The configs and secrets that services use; `lookup` is told where the file names a variable. What each holds is read later, and only if it is sent: `config` needs no secrets. */
export function contentSources(resources: { readonly secrets: Named<SecretResource>; readonly configs: Named<ConfigResource> }, services: StackConfig['services'], tree: Tree, lookup: (name: string, at: Place) => string | undefined): readonly ContentSource[] {
  const all = Object.values(services ?? {});
  const used = (of: (service: ServiceConfig) => readonly GrantConfig[] | undefined): readonly string[] => [...new Set(all.flatMap((service) => (of(service) ?? []).map(({ source }) => source)))];
  const sourceOf = (kind: Content['kind'], key: string, resource: (SecretResource & ConfigResource & { readonly name: string }) | undefined): ContentSource[] => {
    if (resource === undefined) return []; // told by the check of names
    const from = resource.external === true ? 'external' as const
      : resource.file !== undefined ? { file: resource.file }
      : resource.environment !== undefined ? { variable: resource.environment, value: lookup(resource.environment, placeOf(tree, [`${kind}s`, key, 'environment'])) }
      : { text: resource.content ?? '' };
    return [{ key: contentKey(kind, resource.name), kind, from, at: mistakeAt(placeOf(tree, [`${kind}s`, key]), `${kind}s.${key}`) }];
  };
  return [
    ...used(({ secrets }) => secrets).flatMap((key) => sourceOf('secret', key, resources.secrets[key])),
    ...used(({ configs }) => configs).flatMap((key) => sourceOf('config', key, resources.configs[key])),
  ];
}

/** The desired side's contents: names alone, the engine adds the digests. */
export function contentsOf(project: Project): Record<string, Content> {
  const used = namesUsed(project, Object.keys(project.services));
  return Object.fromEntries(project.contents.filter(({ key }) => used.has(key)).map(({ key, kind, from }) => [key, { kind, external: from === 'external', digest: '' }]));
}

/** What services are given, as keys of `State.contents`. */
function namesUsed(project: Project, services: readonly string[]): ReadonlySet<string> {
  return new Set(services.flatMap((name) => grantsOf(project.services[name] ?? {}, project).map((grant) => grant.name)));
}

/**
 * What the contents hold, by key, in base64: the `bytes` of a StackRequest. `read` answers null where there is no such file. `meant`: what other services than these alone are given need not be had.
 * Throws a BayplanError with a line for each that cannot be had.
 */
export function contentBytes(project: Project, read: (path: string) => Buffer | null, meant: readonly string[] = Object.keys(project.services)): Record<string, string> {
  const missing: string[] = [];
  const bytes: Record<string, string> = {};
  const used = namesUsed(project, Object.keys(project.services));
  const wanted = namesUsed(project, meant);
  for (const { key, from, at } of project.contents) {
    if (from === 'external' || !used.has(key)) continue;
    const held = bytesOf(from, read);
    if (typeof held === 'string' && !wanted.has(key)) continue;
    if (typeof held === 'string') missing.push(formatMistake({ ...at, message: `${at.message}: ${held}` }));
    else bytes[key] = held.toString('base64');
  }
  if (missing.length > 0) throw new BayplanError('stack-file', missing.join('\n'));
  return bytes;
}

/** What a source holds, or why it cannot be had. */
function bytesOf(from: Exclude<ContentSource['from'], 'external'>, read: (path: string) => Buffer | null): Buffer | string {
  if ('text' in from) return Buffer.from(from.text);
  if ('variable' in from) return from.value === undefined ? `variable ${from.variable} is not set; set it in the environment or in .env` : Buffer.from(from.value);
  try {
    return read(from.file) ?? `file ${from.file} does not exist; create it`;
  } catch (error) {
    if (error instanceof BayplanError) return error.message;
    throw error;
  }
}

/** A service's configs and secrets; of two at the same target the later one counts. */
export function grantsOf(service: ServiceConfig, project: Project): Grant[] {
  const grantOf = (kind: Content['kind'], folder: string, resources: Named<unknown>, { source, target, uid, gid, mode, 'x-bayplan': own }: GrantConfig): Grant => ({
    name: contentKey(kind, resources[source]?.name ?? source), digest: '',
    target: target?.startsWith('/') === true ? target : `${folder}/${target ?? source}`,
    uid: Number(uid ?? 0), gid: Number(gid ?? 0), mode: Number.parseInt(mode ?? '0444', 8),
    onChange: onChangeOf(own?.on_change ?? service['x-bayplan']?.on_change),
  });
  const all = [
    ...(service.secrets ?? []).map((grant) => grantOf('secret', '/run/secrets', project.secrets, grant)),
    ...(service.configs ?? []).map((grant) => grantOf('config', '', project.configs, grant)),
  ];
  return [...new Map(all.map((grant) => [grant.target, grant])).values()];
}

function onChangeOf(config: OnChangeConfig | undefined): OnChange | null {
  return config === undefined ? null : { signal: config.signal ?? '', exec: [...(config.exec ?? [])] };
}
