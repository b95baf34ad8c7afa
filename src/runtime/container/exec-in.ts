import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { ExecProcess, ExecRequest } from './containers.ts';
import { runExec, runForeignExec } from './core-process.ts';
import type { Launch } from './launch-container.ts';

/** Runs another program in a running container, confined as its own is unless it is asked for without. Throws BayplanError `conflict` where the container does not run, or is paused. */
export async function execIn({ context, programs, apparmor }: Pick<Launch, 'context' | 'programs' | 'apparmor'>, entry: ContainerEntry, request: ExecRequest): Promise<ExecProcess> {
  const { kernel, nursery, core, images, runtimes, storage } = context;
  const { record, files, ready, phase, paused } = entry;
  const image = images.find(record.spec.imageId);
  if (phase !== 'running' || ready === null || image === null) throw new BayplanError('conflict', `container ${record.name} is not running`);
  if (paused) throw new BayplanError('conflict', `container ${record.name} is paused: unpause it first`);
  const unconfined = request.privileged === true;
  const target = { kernel, nursery, core, record, files, ready, image, seccompBpf: unconfined ? null : await programs.get(record.spec), apparmor: unconfined ? '' : await apparmor.get(record.spec) };
  const foreign = runtimes.find(record.runtime);
  if (foreign === null) return await runExec(target, request);
  const root = storage.mountRoot === null ? storage.root(files, []).path : files.root;
  return await runForeignExec(target, foreign, root, request);
}
