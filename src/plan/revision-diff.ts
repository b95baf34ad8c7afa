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
    const { template: _was, ...wasRest } = was;
    const { template: _is, ...isRest } = is;
    return [...compare('', wasRest, isRest).map(changeText), ...templateChanges(before, after, name)];
  });
  const texts = (was: unknown, is: unknown): readonly string[] => compare('', was, is).map(changeText);
  named('network', before.networks, after.networks, (name) => texts(before.networks[name]?.spec, after.networks[name]?.spec));
  named('volume', before.volumes, after.volumes, (name) => compare('', before.volumes[name]?.spec, after.volumes[name]?.spec).map(({ field }) => `${field} changed`));
  return lines;
}

/** What the containers of a service that both have are made from otherwise. */
export function templateChanges(before: Desired, after: Desired, service: string): readonly string[] {
  const [was, is] = [before.services[service]?.template, after.services[service]?.template];
  if (was === undefined || is === undefined) return [];
  const granted = (desired: Desired, template: typeof was): typeof was => ({ ...template, contents: template.contents.map((grant) => ({ ...grant, digest: desired.contents[grant.name]?.digest ?? '' })) });
  const image = was.image === is.image ? [] : [`image: ${was.image} → ${is.image}`];
  return [...image, ...differences(granted(before, was), granted(after, { ...is, image: was.image })).map(({ text }) => text)];
}
