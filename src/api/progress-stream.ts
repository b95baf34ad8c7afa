import type { ServerResponse } from 'node:http';
import { errorBody, JSON_TYPE } from './answer.ts';

/**
 * Docker's progress stream: a JSON object a line. It answers 200 with the first line, and tells of a failure in the stream from then on; what fails
 * before has a status of its own.
 */
export class ProgressStream {
  readonly #response: ServerResponse;
  readonly #head: readonly object[];

  /** `head`: lines that go before the first. */
  constructor(response: ServerResponse, head: readonly object[]) {
    this.#response = response;
    this.#head = head;
  }

  /** For lines that are so few, or so far apart, that nobody need wait for a slow reader. */
  write(line: object): void {
    if (this.#response.destroyed) return;
    const lines = this.#response.headersSent ? [line] : [...this.#head, line];
    if (!this.#response.headersSent) this.#response.writeHead(200, { 'Content-Type': JSON_TYPE });
    this.#response.write(lines.map((each) => `${JSON.stringify(each)}\r\n`).join(''));
  }

  async run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#response.headersSent) throw error;
      const { message } = errorBody(error);
      this.write({ errorDetail: { message }, error: message });
    }
    this.#response.end();
  }
}
