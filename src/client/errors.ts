import { BayplanError } from '../state/bayplan-error.ts';

/** No engine listens on the socket; nothing was sent. */
export class EngineAbsent extends BayplanError {
  constructor(socket: string) {
    super('engine-absent', `no engine listens on ${socket}: start one with \`bayplan engine\``);
  }
}

/** What a failed connection means to the user. */
export function connectionError(socket: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return new EngineAbsent(socket);
  if (code === 'EACCES' || code === 'EPERM') return new BayplanError('no-access', `no access to the engine's socket ${socket}: run bayplan as root (sudo), or join the group that owns the socket`);
  if (code === 'ECONNRESET' || code === 'EPIPE') return new BayplanError('engine-gone', `the engine on ${socket} ended before it answered: see engine.log beside the socket, then run the command again`, { retryable: true });
  return error;
}

/** The error in an answer's body. */
export function answerError(status: number, body: string): BayplanError {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed) {
      const code = 'code' in parsed ? String(parsed.code) : status === 404 ? 'not-found' : 'engine';
      return new BayplanError(code, String(parsed.message));
    }
  } catch {
    // Not the engine's JSON: shown as it is below.
  }
  return new BayplanError('engine', `the engine answered ${status}: ${body.trim().slice(0, 500)}`);
}

/** What it means to the user that an answer ended in its middle. */
export function cutError(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) return error;
  return new BayplanError('engine-gone', 'the engine ended, or failed, in the middle of its answer: see engine.log beside its socket, then run the command again', { retryable: true, cause: error });
}

/** For what fails with one of these codes because an engine has ended, and its sessions with it, while a command ran: makes that the error. */
export function execCutBy(...codes: readonly string[]): (error: unknown) => never {
  return (error) => {
    const cut = error instanceof Error && 'code' in error && codes.includes(String(error.code));
    throw cut ? new BayplanError('engine-gone', 'the engine ended; the command goes on in the container', { cause: error }) : error;
  };
}
