/**
 * An error meant for the user: one line that says what is wrong, where, and what to do. Anything else that is thrown is a
 * defect of ours.
 */
export class BayplanError extends Error {
  /** Stable word for programs: `image-not-found`, `port-taken`, `engine-running`, `conflict`, `not-found`, `bad-request`, … */
  readonly code: string;
  /** True where the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BayplanError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
