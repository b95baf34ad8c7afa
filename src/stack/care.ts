import type { Care, DriftPolicy } from '../state/drift.ts';
import type { Project } from './project.ts';
import type { ServiceConfig } from './service-schema.ts';

/** `x-bayplan: {drift: report}` at the top of the file: whether what drifts is put right, or only told. */
export function driftPolicyOf({ extensions }: Pick<Project, 'extensions'>): DriftPolicy {
  const own = extensions['x-bayplan'];
  return typeof own === 'object' && own !== null && 'drift' in own && own.drift === 'report' ? 'report' : 'heal';
}

/** `x-bayplan: {drift, unhealthy}` of a service; what it does not say of drift, the file says for all. */
export function careOf({ 'x-bayplan': own }: ServiceConfig, project: Pick<Project, 'extensions'>): Care {
  return { drift: own?.drift ?? driftPolicyOf(project), unhealthy: own?.unhealthy ?? 'leave' };
}
