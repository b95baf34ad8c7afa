import type { Service } from '../state/service.ts';
import type { Desired } from '../state/state.ts';
import { changeText, compare, isSame } from './compare.ts';
import { byKey } from './expand.ts';
import { templateChanges } from './revision-diff.ts';

/**
 * What is desired otherwise from now on though no container changes for it, a line each: how a service is updated and cared for, when a job runs, and what its next run is made from. `before` null: nothing was
 * desired. No step of a plan shows these.
 */
export function settingChanges(before: Desired | null, after: Desired): readonly string[] {
  const drift = before === null ? [] : compare('drift', before.drift, after.drift).map((change) => `stack ${after.stack}: ${changeText(change)}`);
  const services = Object.entries({ ...before?.services, ...after.services }).sort(byKey).flatMap(([name]) => {
    const [was, is] = [before?.services[name], after.services[name]];
    return was !== undefined && is !== undefined ? changesOf(name, was, is, before ?? after, after) : isJob(is) ? [`service ${name} runs on its schedule from then on`] : isJob(was) ? [`service ${name} runs no more on its schedule`] : [];
  });
  return [...drift, ...services];
}

function changesOf(name: string, was: Service, is: Service, before: Desired, after: Desired): readonly string[] {
  const [former, now] = [settingsOf(was), settingsOf(is)];
  const settings = isSame(former, now) ? [] : compare('', former, now).map(changeText);
  const template = was.job === null || is.job === null ? [] : templateChanges(before, after, name).map((text) => `${text}; its next run has it`);
  return [...settings, ...template].map((text) => `service ${name}: ${text}`);
}

function settingsOf({ update, rollback, care, job }: Service): Pick<Service, 'update' | 'rollback' | 'care' | 'job'> {
  return { update, rollback, care, job };
}

function isJob(service: Service | undefined): boolean {
  return service !== undefined && service.job !== null;
}
