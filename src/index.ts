import { join } from 'node:path';
import { createApi } from './api/api.ts';
import { serve } from './api/serve.ts';
import { Engine } from './engine/engine.ts';
import { realRoot } from './client/real-root.ts';
import { DEFAULT_ROOT } from './state/paths.ts';
import { VERSION } from './version.ts';

export { createApi } from './api/api.ts';
export type { EngineView } from './api/engine-view.ts';
export { EngineClient } from './client/engine-client.ts';
export { Engine } from './engine/engine.ts';
export { plan } from './plan/plan.ts';
export { printPlan, stepLine } from './plan/print.ts';
export { configOf, configYaml, desiredOf, findStackFiles, formatMistake, loadStack } from './stack/index.ts';
export { BayplanError } from './state/bayplan-error.ts';
export type { PassEvent, PlanAnswer, StackAnswer, StackRequest } from './state/messages.ts';
export type { Plan, Step } from './state/plan.ts';
export type { Desired, State } from './state/state.ts';
export { VERSION };

export interface CreateEngineOptions {
  /** Absolute path of the root folder; default /var/lib/bayplan. */
  readonly root?: string;
  /** Receives a line where something went wrong and nobody waits for an answer. */
  readonly report?: (line: string) => void;
  /** Move this process into a cgroup of its own. */
  readonly ownCgroup?: boolean;
}

/** An engine that serves its socket. */
export interface RunningEngine {
  readonly engine: Engine;
  /** Path of the unix socket. */
  readonly socket: string;
  /** Resolves when the engine has let go of everything, whoever asked for it: `close`, or `POST /engine/stop`. */
  readonly closed: Promise<void>;
  /** Stops the engine; containers go on. */
  close(): Promise<void>;
}

/** Opens the engine of a root folder and serves the API on its socket. Throws BayplanError `engine-running` where another process has it. */
export async function createEngine(options: CreateEngineOptions = {}): Promise<RunningEngine> {
  // Bundled into build/ this is that folder itself, from the sources it is its neighbour.
  const engine = await Engine.open({ ...options, root: realRoot(options.root ?? DEFAULT_ROOT), build: join(import.meta.dirname, '..', 'build'), version: VERSION });
  const server = createApi(engine, options.report);
  try {
    await serve(server, engine.paths.socket);
  } catch (error) {
    await engine.close();
    throw error;
  }
  let letGo = Promise.resolve();
  const closed = new Promise<void>((resolve) => server.once('close', resolve)).then(() => letGo);
  const close = async (): Promise<void> => {
    if (server.listening) {
      server.close(); // takes the socket away before the lock goes
      letGo = engine.close().finally(() => server.closeAllConnections());
    }
    await closed;
  };
  return { engine, socket: engine.paths.socket, closed, close };
}
