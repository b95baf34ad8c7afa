import { unlinkSync } from 'node:fs';
import type { Server } from 'node:http';

/**
 * Makes the server listen on a unix socket of mode 0660. The caller holds the engine's lock, so a file that is there belongs to an
 * engine that has died.
 */
export async function serve(server: Server, socket: string): Promise<void> {
  try {
    unlinkSync(socket);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // bind() runs within the call: there is no moment at which others could connect.
    const before = process.umask(0o117);
    try {
      server.listen(socket, () => {
        server.removeListener('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}
