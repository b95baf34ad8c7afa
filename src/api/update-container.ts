import { BayplanError } from '../state/bayplan-error.ts';
import { RestartPolicy } from '../state/container.ts';
import type { Resources } from '../state/resources.ts';
import { sendJson } from './answer.ts';
import { UpdateConfig } from './docker-config.ts';
import { checkLimits, resourcesOf } from './docker-resources.ts';
import { param, type Exchange } from './exchange.ts';
import { readBody } from './request-body.ts';

/** `POST /containers/{id}/update`: other limits and another restart policy for a container, running or not. What the body leaves out, or says 0 of, stays; -1 takes the limit of processes away. */
export async function updateContainer(exchange: Exchange): Promise<void> {
  const { engine, request, response } = exchange;
  const { name, spec } = engine.container(param(exchange, 'id'));
  const body = await readBody(request, UpdateConfig);
  const policy = body.RestartPolicy?.Name ?? '';
  const restart = policy === '' ? null : RestartPolicy.safeParse({ policy, maxRetries: policy === 'on-failure' ? body.RestartPolicy?.MaximumRetryCount ?? 0 : 0 });
  if (restart?.success === false) throw new BayplanError('bad-request', `invalid restart policy: unknown policy '${policy}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  if (spec.autoRemove && restart !== null && policy !== 'no') throw new BayplanError('bad-request', `container ${name} is removed at its end, and cannot be restarted too`);
  const asked = resourcesOf(body);
  const resources = changed(spec.resources, asked, (body.PidsLimit ?? 0) < 0);
  checkLimits(asked, resources ?? spec.resources);
  await engine.updateContainer(name, { ...(resources === null ? {} : { resources }), ...(restart === null ? {} : { restart: restart.data }) });
  sendJson(response, 200, { Warnings: engine.warnings({ ...spec, resources: resources ?? spec.resources }) });
}

/** Null where nothing is asked for. */
function changed(before: Resources, asked: Resources, anyNumberOfProcesses: boolean): Resources | null {
  const said = Object.entries(asked).filter(([key, value]) => key !== 'blockIo' && value !== null && value !== '' && value !== false);
  const disks = Object.entries(asked.blockIo).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value !== null));
  if (said.length === 0 && disks.length === 0 && !anyNumberOfProcesses) return null;
  return { ...before, ...Object.fromEntries(said), ...(anyNumberOfProcesses ? { pids: null } : {}), blockIo: { ...before.blockIo, ...Object.fromEntries(disks) } };
}
