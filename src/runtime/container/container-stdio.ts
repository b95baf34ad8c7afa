import type { Duplex } from 'node:stream';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Kernel } from '../kernel.ts';
import { attachedSocket, attachTo, MOST_ATTACHMENTS, type PendingAttachment } from './attachment.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { AttachParts } from './containers.ts';

/** A connection to a container's stdio: to that of its shim, or where it does not run to that of its next start. Throws BayplanError `conflict` where there are too many. */
export async function attachStdio(kernel: Kernel, entry: ContainerEntry, parts: AttachParts): Promise<Duplex> {
  const { name } = entry.record;
  if (entry.phase === 'running') return await attachTo(entry.files.socket, name, parts);
  if (entry.attachments.size === MOST_ATTACHMENTS) throw new BayplanError('conflict', `container ${name}: ${MOST_ATTACHMENTS} connections wait for its start already`);
  const [ours, theirs] = kernel.socketPair();
  const pending: PendingAttachment = { fd: theirs, parts };
  entry.attachments.add(pending);
  return attachedSocket(ours).once('close', () => {
    if (entry.attachments.delete(pending)) kernel.close(theirs);
  });
}

/** Closes our copies of the descriptors that a shim has by now, or will never have. */
export function letStdioGo(kernel: Kernel, { attachments }: ContainerEntry): void {
  for (const { fd } of attachments) kernel.close(fd);
  attachments.clear();
}
