import type { CommitRequest } from '../runtime/image/commit.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Container } from '../state/container.ts';
import { familiarReference } from '../state/image-reference.ts';
import type { EngineParts } from './engine-parts.ts';
import type { EventLog } from './event-log.ts';

/** How an image is to be made of what a container has written. `pause`: it is frozen for as long as that takes. */
export type ContainerCommit = Omit<CommitRequest, 'base' | 'spec' | 'layer'> & { readonly pause: boolean };

/** Makes an image of what a container has written; answers its ID. */
export async function commitContainer({ name, spec, status }: Container & { readonly name: string }, { pause, ...request }: ContainerCommit, parts: Pick<EngineParts, 'images' | 'containers' | 'supervisor'>, events: EventLog): Promise<string> {
  const { images, containers, supervisor } = parts;
  const frozen = pause && status?.phase === 'running' && !status.paused && await freeze(name, supervisor);
  try {
    const id = await images.commit({ ...request, base: spec.imageId, spec, layer: await containers.layer(name) });
    events.container('commit', name, { comment: request.message, imageID: id, imageRef: request.reference === null ? '' : familiarReference(request.reference) });
    return id;
  } finally {
    if (frozen && containers.get(name)?.status?.paused === true) await supervisor.unpause(name); // it may have ended meanwhile
  }
}

/** False where it has just ended. */
async function freeze(name: string, supervisor: EngineParts['supervisor']): Promise<boolean> {
  try {
    await supervisor.pause(name, true); // nobody can look at its health meanwhile
    return true;
  } catch (error) {
    if (error instanceof BayplanError && error.code === 'not-running') return false;
    throw error;
  }
}
