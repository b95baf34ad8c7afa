import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Backend } from './table.ts';

/** Takes the connections that arrive at the listening socket `fd`, which it owns from now on. Answers how to end that. */
export type Carry = (fd: number, target: () => Backend | null) => () => void;

/**
 * Carries what packet rules cannot send on: connections to ::1, and those of IPv6 clients to a container that has no IPv6. They arrive at the
 * socket that reserves the port. Those that are under way outlive the port, as rewritten ones do.
 */
export const carryConnections: Carry = (fd, target) => {
  const server = createServer({ allowHalfOpen: true }, (client) => carry(client, target()));
  server.listen({ fd });
  return () => void server.close();
};

function carry(client: Socket, backend: Backend | null): void {
  if (backend === null) return void client.destroy();
  const upstream = connect({ host: backend.address, port: backend.port, allowHalfOpen: true });
  // Either side's failure ends both; there is nobody else to tell.
  pipeline(client, upstream, () => undefined);
  pipeline(upstream, client, () => undefined);
}
