/** How long, and how often, a registry is given a chance. */
export interface RegistryLimits {
  /** Times that a request is tried; progress of a download makes it begin to count again. */
  readonly attempts: number;
  /** The same where it did nothing for as long as below: each time costs that long. */
  readonly stalls: number;
  /** Wait before the second try; doubled for each one after it. */
  readonly backoffMs: number;
  /** Longest wait for a connection, and for the head of an answer. */
  readonly answerMs: number;
  /** In so much time of waiting for a body, … */
  readonly windowMs: number;
  /** … at least so many bytes have to come, or it counts as stalled. */
  readonly windowBytes: number;
}

/** 1 KiB a second is less than any line has that one would pull an image over. */
export const LIMITS: RegistryLimits = { attempts: 5, stalls: 2, backoffMs: 500, answerMs: 30_000, windowMs: 30_000, windowBytes: 32 * 1024 };
