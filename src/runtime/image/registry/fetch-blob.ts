import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BayplanError } from '../../../state/bayplan-error.ts';
import type { Descriptor } from '../oci.ts';
import { Attempts } from './attempts.ts';
import { DoubleBuffer } from './double-buffer.ts';
import { paced } from './paced.ts';
import type { Repository } from './repository.ts';

export interface BlobReader {
  /** Takes the next bytes, which are its own until it resolves; what it throws ends the download. */
  readonly write: (bytes: Buffer) => Promise<void>;
  /** Bytes that have been taken. */
  readonly onBytes: (received: number) => void;
  readonly onRetry: (why: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Streams a blob, going on by range where the connection was cut, until as many bytes have come as its descriptor says, and then checks its
 * digest. Throws BayplanError `registry-lies` for other bytes than were asked for.
 */
export async function fetchBlob(repository: Repository, descriptor: Descriptor, what: string, reader: BlobReader): Promise<void> {
  const { limits, endpoint: { host } } = repository;
  const hash = createHash('sha256');
  const attempts = new Attempts(limits, reader.signal, reader.onRetry);
  let received = 0;
  let failedAt = 0;
  const buffer = new DoubleBuffer(async (bytes) => {
    hash.update(bytes);
    await reader.write(bytes);
  });
  const receive = async (): Promise<void> => {
    if (received === descriptor.size) return; // cut after the last byte: there is no range left to ask for
    const body = await repository.openBlob(descriptor, received, what);
    let skip = beginning(body, received, descriptor, host, what);
    for await (const whole of paced(body, host, limits)) {
      const chunk = whole.subarray(skip);
      skip -= whole.length - chunk.length;
      if (received + chunk.length > descriptor.size) throw lies(host, what, descriptor, `more than the ${descriptor.size} bytes that its manifest says`);
      await buffer.push(chunk);
      received += chunk.length;
      reader.onBytes(received);
    }
    if (received < descriptor.size) throw new BayplanError('registry-cut', `${what}: registry ${host} sent ${received} of the ${descriptor.size} bytes of blob ${descriptor.digest}`, { retryable: true });
  };
  for (;;) {
    try {
      await receive();
      await buffer.flush();
      break;
    } catch (error) {
      if (received - failedAt >= limits.windowBytes) attempts.progressed(); // else a byte at a time could go on for ever
      failedAt = received;
      await attempts.failed(error);
    }
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== descriptor.digest) throw lies(host, what, descriptor, `bytes of digest ${digest}`);
}

/** How many bytes of this answer are there already: none, or all so far where the registry knows no ranges. */
function beginning(body: IncomingMessage, received: number, descriptor: Descriptor, host: string, what: string): number {
  const refuse = (why: string): never => {
    body.destroy();
    throw lies(host, what, descriptor, why);
  };
  if (body.statusCode === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(body.headers['content-range'] ?? '');
    if (Number(range?.[1] ?? NaN) !== received) refuse(`the range "${body.headers['content-range'] ?? ''}" when asked from byte ${received}`);
    return 0;
  }
  const length = body.headers['content-length'];
  if (length !== undefined && Number(length) !== descriptor.size) refuse(`${length} bytes instead of the ${descriptor.size} that its manifest says`);
  return received;
}

function lies(host: string, what: string, { digest }: Descriptor, sent: string): BayplanError {
  return new BayplanError('registry-lies', `${what}: registry ${host} sent for blob ${digest} ${sent}`);
}
