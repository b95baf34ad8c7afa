import type { ContainerSpec } from '../state/container.ts';
import { changeOf } from './fields.ts';

/** One difference: where, and both values in words; of what may be a secret only the name. */
export interface Difference { readonly field: string; readonly words: string }

/** Labels that say where a stack came from, not what its containers are. */
const PROVENANCE = 'com.docker.compose.';

/** How the spec that is wanted differs from the one a container was created from. An unknown image (`imageId` '') differs from none. */
export function diffSpecs(wanted: ContainerSpec, actual: ContainerSpec): readonly Difference[] {
  const differences: Difference[] = [];
  for (const field of Object.keys(changeOf) as (keyof ContainerSpec)[]) { // its keys are the spec's, by its type
    if (changeOf[field] === 'none') continue;
    if (field === 'imageId') {
      if (wanted.imageId !== '' && wanted.imageId !== actual.imageId && wanted.image === actual.image) {
        differences.push({ field: 'image', words: `image ${wanted.image} is now ${shortId(wanted.imageId)}, was ${shortId(actual.imageId)}` });
      }
    } else if (field === 'environment' || field === 'labels') {
      differences.push(...keys(field, wanted[field], actual[field]));
    } else if (field === 'mounts') {
      differences.push(...mounts(wanted, actual));
    } else {
      compare(field, wanted[field], actual[field], differences);
    }
  }
  return differences;
}

/** The cause of a recreation, as it stands in a step's `why`. */
export function describe(differences: readonly Difference[]): string {
  return differences.map(({ words }) => words).join('; ');
}

function keys(field: 'environment' | 'labels', wanted: Readonly<Record<string, string>>, actual: Readonly<Record<string, string>>): Difference[] {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(actual)])].sort();
  return names.filter((name) => wanted[name] !== actual[name] && !(field === 'labels' && name.startsWith(PROVENANCE))).map((name) => {
    const what = actual[name] === undefined ? 'added' : wanted[name] === undefined ? 'removed' : 'changed';
    return { field: `${field}.${name}`, words: `${field}.${name} ${what}` };
  });
}

function mounts(wanted: ContainerSpec, actual: ContainerSpec): Difference[] {
  const targets = [...new Set([...wanted.mounts, ...actual.mounts].map((mount) => mount.target))].sort();
  const at = (spec: ContainerSpec, target: string): string => canonical(spec.mounts.filter((mount) => mount.target === target));
  return targets.filter((target) => at(wanted, target) !== at(actual, target)).map((target) => {
    const what = at(actual, target) === '[]' ? 'added' : at(wanted, target) === '[]' ? 'removed' : 'changed';
    return { field: `mounts[${target}]`, words: `mounts[${target}] ${what}` };
  });
}

/** Goes into plain objects, so that the innermost field that differs is named; lists are one value. */
function compare(field: string, wanted: unknown, actual: unknown, into: Difference[]): void {
  if (canonical(wanted) === canonical(actual)) return;
  if (isRecord(wanted) && isRecord(actual)) {
    for (const key of [...new Set([...Object.keys(wanted), ...Object.keys(actual)])].sort()) compare(`${field}.${key}`, wanted[key], actual[key], into);
    return;
  }
  into.push({ field, words: `${field} ${short(actual)} → ${short(wanted)}` });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function short(value: unknown): string {
  const text = value === undefined ? 'none' : JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}

/** JSON with keys in order: equal for equal values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (isRecord(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner));
}

function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
