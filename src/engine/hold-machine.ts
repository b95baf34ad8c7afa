/** What somebody wants of a container beside its restart policy. */
export interface Hold {
  /** A person has stopped it: it stays stopped until up, start or restart. */
  readonly held: boolean;
  /** It was stopped to be started again, or could not be started: it is to run, and has drifted until it does. */
  readonly interrupted: boolean;
}

/**
 * The table; what an event says nothing of stays as it was:
 *
 * | event                                                     | held | interrupted |
 * |-----------------------------------------------------------|------|-------------|
 * | `start`: somebody starts it                               | no   |             |
 * | `start-later`: the same while the engine stops all        | no   | yes         |
 * | `started`: it runs                                        |      | no          |
 * | `start-failed`: what had drifted could not be started     |      | yes         |
 * | `stop`: somebody stops it                                 | yes  | no          |
 * | `stop-again`: it is stopped to be started again           | no   | yes         |
 * | `end-signal`: somebody sends the signal it is stopped by  | yes  |             |
 *
 * Its own end, another signal and a restart by its policy are no events of it. An `end-signal` that could not be sent is taken back.
 */
export const HOLDS = {
  'start': { held: false },
  'start-later': { held: false, interrupted: true },
  'started': { interrupted: false },
  'start-failed': { interrupted: true },
  'stop': { held: true, interrupted: false },
  'stop-again': { held: false, interrupted: true },
  'end-signal': { held: true },
} as const satisfies Readonly<Record<string, Partial<Hold>>>;
