import { posix } from 'node:path';
import { hooksOf, type Project } from '../stack/index.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Hook } from '../state/hook.ts';
import { IgnorePatterns, ignoreLines } from './ignore-patterns.ts';
import { isBelow } from './is-below.ts';

export type WatchAction = 'rebuild' | 'sync' | 'restart' | 'sync+restart' | 'sync+exec';

/** One entry of a service's `develop.watch`. */
export interface WatchRule {
  readonly service: string;
  readonly action: WatchAction;
  /** A file or folder here, absolute. */
  readonly path: string;
  /** Where it is in the container; '' for what copies nothing. */
  readonly target: string;
  /** What to run in the container afterwards; null: nothing. */
  readonly exec: Hook | null;
  /** All that is there is copied at first. */
  readonly initial: boolean;
  /** Whether what is at a path below `path` is meant. */
  readonly meant: (path: string) => boolean;
  /** Whether nothing below a folder is ever meant. */
  readonly skips: (folder: string) => boolean;
}

export interface WatchRules { readonly rules: readonly WatchRule[]; /** What of `develop` is not followed, a line each. */ readonly notes: readonly string[] }

/** What editors leave beside the files they write, and git's own: docker compose leaves them out too. */
const UNMEANT = ['**/.git', '**/*___jb_old___', '**/*___jb_tmp___', '**/.idea/**', '**/.#*', '**/#*#', '**/4913', '**/*~', '**/.*.swp', '**/.*.swx', '**/.*.swo', '**/.*.swn', '**/.*.kate-swp', '**/*-go-tmp-umask'];

/** The rules of a stack's services; `services`: of these alone, empty: of all. `read`: the text of a file, null where there is none. */
export function watchRules({ services: all }: Pick<Project, 'services'>, services: readonly string[], read: (path: string) => string | null): WatchRules {
  const notes: string[] = [];
  const rules = Object.entries(all).flatMap(([service, config]) => {
    if (services.length > 0 && !services.includes(service)) return [];
    const built = dockerignore(config.build, read);
    return (config.develop?.watch ?? []).flatMap((watch): readonly WatchRule[] => {
      const { path, action, target = '' } = watch;
      const syncs = action.startsWith('sync');
      if (syncs && (config.volumes ?? []).some(({ type, source }) => type === 'bind' && source !== undefined && isBelow(path, source))) {
        notes.push(`service "${service}": ${path} is bound into its containers as well, and is not followed`);
        return [];
      }
      if (action === 'sync+exec' && (watch.exec?.command ?? []).length === 0) notes.push(`service "${service}": ${path}: sync+exec has nothing to run: give it exec.command`);
      if (action === 'rebuild') notes.push(`service "${service}": ${path}: building images is not there yet: a change that asks for a rebuild is told, and nothing else`);
      const include = (watch.include ?? []).length === 0 ? null : patterns(service, path, watch.include ?? []);
      const ignored = [new IgnorePatterns(path, UNMEANT), patterns(service, path, watch.ignore ?? []), built];
      return [{
        service, action, path, target: syncs ? posix.join('/', target) : '', exec: action === 'sync+exec' ? (hooksOf(watch.exec === undefined ? [] : [watch.exec])[0] ?? null) : null, initial: syncs && watch.initial_sync === true,
        meant: (each) => include?.matches(each) !== false && !ignored.some((one) => one.matches(each)),
        skips: (folder) => ignored.some((one) => one.matchesAll(folder)),
      }];
    });
  });
  return { rules, notes };
}

/** `Dockerfile.dockerignore` beside the Dockerfile's name, else `.dockerignore`, of the build's folder. */
function dockerignore(build: Project['services'][string]['build'], read: (path: string) => string | null): IgnorePatterns {
  const context = build?.context;
  if (context === undefined || !context.startsWith('/')) return new IgnorePatterns('/', []);
  const text = read(posix.join(context, `${build?.dockerfile ?? 'Dockerfile'}.dockerignore`)) ?? read(posix.join(context, '.dockerignore')) ?? '';
  return new IgnorePatterns(context, ignoreLines(text));
}

function patterns(service: string, base: string, list: readonly string[]): IgnorePatterns {
  try {
    return new IgnorePatterns(base, list);
  } catch (error) {
    throw new BayplanError('bad-pattern', `services.${service}.develop.watch: ${error instanceof Error ? error.message : String(error)}`);
  }
}
