import { BayplanError } from '../state/bayplan-error.ts';
import { RestartPolicy } from '../state/container.ts';
import type { Resources } from '../state/resources.ts';
import { sendJson } from './answer.ts';
import { UpdateConfig } from './docker-config.ts';
import { checkRestart } from './docker-conflicts.ts';
import { checkLimits, resourcesOf } from './docker-resources.ts';
import { param, type Exchange } from './exchange.ts';
import { readBody } from './request-body.ts';

/** `POST /containers/{id}/update`: other limits and another restart policy for a container, running or not. What the body leaves out, or says 0 of, stays, but for the limit of processes, which 0 and -1 take away. */
export async function updateContainer(exchange: Exchange): Promise<void> {
  const { engine, request, response } = exchange;
  const body = await readBody(request, UpdateConfig);
  const { name, spec } = engine.container(param(exchange, 'id'));
  const policy = body.RestartPolicy?.Name ?? '';
  checkRestart(body.RestartPolicy);
  const restart = policy === '' ? null : RestartPolicy.parse({ policy, maxRetries: body.RestartPolicy?.MaximumRetryCount ?? 0 });
  if (spec.autoRemove && restart !== null && policy !== 'no') throw new BayplanError('conflict', `Restart policy cannot be updated because AutoRemove is enabled for the container ${name}`);
  const asked = resourcesOf(body);
  const resources = changed(spec.resources, asked, (body.PidsLimit ?? 1) <= 0);
  checkLimits(asked, resources ?? spec.resources);
  await engine.updateContainer(name, { ...(resources === null ? {} : { resources }), ...(restart === null ? {} : { restart }) });
  sendJson(response, 200, { Warnings: engine.warnings({ ...spec, resources: resources ?? spec.resources }) });
}

/** Null where nothing is asked for. */
function changed(before: Resources, asked: Resources, anyNumberOfProcesses: boolean): Resources | null {
  const said = Object.entries(asked).filter(([key, value]) => key !== 'blockIo' && value !== null && value !== '' && value !== false);
  const disks = Object.entries(asked.blockIo).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value !== null));
  if (said.length === 0 && disks.length === 0 && !anyNumberOfProcesses) return null;
  return { ...before, ...Object.fromEntries(said), ...(anyNumberOfProcesses ? { pids: null } : {}), blockIo: { ...before.blockIo, ...Object.fromEntries(disks) } };
}
