import type { ContainerSpec } from '../state/container.ts';
import type { ImageStatus } from '../state/image.ts';
import { syslogTag } from '../state/syslog.ts';

interface Logged { readonly id: string; readonly name: string; readonly spec: ContainerSpec; readonly image: ImageStatus | null }

/** What `logs --details` puts before each line: the labels and variables that the logging options name, and the tag, as `B=2,a=1`; '' where they name none. */
export function logDetails({ id, name, spec, image }: Logged): string {
  const { labels = '', 'labels-regex': labelsRegex, env = '', 'env-regex': envRegex, tag } = spec.logging.options;
  const details = new Map<string, string>();
  const pick = (from: Readonly<Record<string, string | null>>, names: string, pattern: string | undefined): void => {
    const wanted = new Set(names.split(','));
    const fits = pattern === undefined || pattern === '' ? null : new RegExp(pattern);
    for (const [key, value] of Object.entries(from)) if (value !== null && (wanted.has(key) || fits?.test(key) === true)) details.set(key, value);
  };
  pick({ ...image?.config.labels, ...spec.labels }, labels, labelsRegex);
  pick({ ...Object.fromEntries((image?.config.environment ?? []).map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)])), ...spec.environment }, env, envRegex);
  if (tag !== undefined && tag !== '') details.set('tag', syslogTag(tag, { id, name, image: spec.image, imageId: spec.imageId }));
  return [...details].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value).replaceAll('%20', '+')}`).join(',');
}
