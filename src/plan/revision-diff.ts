import type { Desired } from '../state/state.ts';
import { changeText, compare } from './compare.ts';
import { differences } from './diff.ts';
import { byKey } from './expand.ts';

/** What has changed from one desired state to another, a line each, secrets and variables without their values. */
export function revisionDiff(before: Desired, after: Desired): readonly string[] {
  const lines: string[] = [];
  const named = (kind: string, was: Readonly<Record<string, unknown>>, is: Readonly<Record<string, unknown>>, changes: (name: string) => readonly string[]): void => {
    for (const [name] of Object.entries({ ...was, ...is }).sort(byKey)) {
      if (!Object.hasOwn(was, name)) lines.push(`${kind} ${name} added`);
      else if (!Object.hasOwn(is, name)) lines.push(`${kind} ${name} removed`);
      else lines.push(...changes(name).map((change) => `${kind} ${name}: ${change}`));
    }
  };
  named('service', before.services, after.services, (name) => {
    const [was, is] = [before.services[name], after.services[name]];
    if (was === undefined || is === undefined) return [];
    const { template: wasTemplate, ...wasRest } = was;
    const { template: isTemplate, ...isRest } = is;
    const granted = (desired: Desired, template: typeof wasTemplate): typeof wasTemplate => ({ ...template, contents: template.contents.map((grant) => ({ ...grant, digest: desired.contents[grant.name]?.digest ?? '' })) });
    const image = wasTemplate.image === isTemplate.image ? [] : [`image: ${wasTemplate.image} → ${isTemplate.image}`];
    return [...compare('', wasRest, isRest).map(changeText), ...image, ...differences(granted(before, wasTemplate), granted(after, { ...isTemplate, image: wasTemplate.image })).map(({ text }) => text)];
  });
  const texts = (was: unknown, is: unknown): readonly string[] => compare('', was, is).map(changeText);
  named('network', before.networks, after.networks, (name) => texts(before.networks[name]?.spec, after.networks[name]?.spec));
  named('volume', before.volumes, after.volumes, (name) => compare('', before.volumes[name]?.spec, after.volumes[name]?.spec).map(({ field }) => `${field} changed`));
  return lines;
}
