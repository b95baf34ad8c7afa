import { readFileSync } from 'node:fs';

/** States of a TCP socket (include/net/tcp_states.h) in which somebody may still be served: ESTABLISHED, SYN_RECV, FIN_WAIT1, CLOSE_WAIT, LAST_ACK, CLOSING. */
const SERVING: ReadonlySet<string> = new Set(['01', '03', '04', '08', '09', '0B']);
const LISTENS = '0A';

/** How many TCP connections from elsewhere the network namespace of a process serves: those to a port that is listened on there. 0 once it has ended. */
export function inboundConnections(pid: number): number {
  return servedIn(['tcp', 'tcp6'].map((name) => readText(`/proc/${pid}/net/${name}`)));
}

/** The same from the text of /proc/PID/net/tcp and tcp6. Connections within the namespace are its own affair. */
export function servedIn(tables: readonly string[]): number {
  const sockets = tables.flatMap((table) => table.split('\n').slice(1)).flatMap((line) => {
    const [, local = '', remote = '', state = ''] = line.trim().split(/\s+/);
    const [, port] = local.split(':');
    return port === undefined ? [] : [{ port, remote: remote.split(':')[0] ?? '', state }];
  });
  const listened = new Set(sockets.filter(({ state }) => state === LISTENS).map(({ port }) => port));
  return sockets.filter(({ port, remote, state }) => SERVING.has(state) && listened.has(port) && !isLoopback(remote)).length;
}

/** 127.0.0.0/8, ::1 or ::ffff:127.0.0.0/104, as words of four bytes, each the other way round. */
function isLoopback(hex: string): boolean {
  return /^(0{16}F{4}0{4})?.{6}7F$/i.test(hex) || /^0{24}01000000$/.test(hex);
}

/** Packets that wait to be taken in by some processor: where to was settled when they were sent, so a new connection may be among them that no namespace knows of yet. */
export function packetsUnderWay(): number {
  return waitingIn(readText('/proc/net/softnet_stat'));
}

/** The same from the text of /proc/net/softnet_stat (net/core/net-procfs.c), a line each processor: the twelfth field is the length of its backlog. */
export function waitingIn(text: string): number {
  return text.split('\n').reduce((sum, line) => sum + Number.parseInt(line.split(' ')[11] ?? '0', 16), 0);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH' || error.code === 'EINVAL')) return ''; // it has ended
    throw error;
  }
}
