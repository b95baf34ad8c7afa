import { constants } from 'node:os';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { runBounded } from '../bounded-process.ts';

/** How long a mount has for one file of the copy, or 16 MiB of one. */
const PATIENCE_SECONDS = 14;
/** And for what the kernel has not written yet at the end. */
const WRITTEN_MS = 600_000;

const Failure = z.looseObject({ error: z.string() });
const Answer = z.looseObject({ version: z.int(), found: z.boolean() });

/** What of an image goes into a volume: what its `layers` (absolute, lowest first) together have at `target`. */
export interface ImagePart { readonly core: string; readonly layers: readonly string[]; readonly target: string; readonly volume: string }

/** Whether the image has a folder there. */
export function isInImage(part: ImagePart): Promise<boolean> {
  return run(part, []);
}

/** Copies it into an empty folder of the engine's own. False where the image has no folder there. Throws BayplanError `copy-up-failed`. */
export function copyUp(part: ImagePart, into: string): Promise<boolean> {
  return run(part, ['--dest', into]);
}

/** Copies it into what is mounted on `mounted`, if that is empty. What stops answering meanwhile is an error, in bounded time. */
export async function copyUpMounted(part: ImagePart, mounted: string): Promise<void> {
  await run(part, ['--dest', mounted, '--patience', String(PATIENCE_SECONDS)], '; give the mount nocopy to leave it as it is');
}

async function run({ core, layers, target, volume }: ImagePart, more: readonly string[], advice = ''): Promise<boolean> {
  const ended = await runBounded(core, ['copy-up', ...layers.flatMap((layer) => ['--layer', layer]), '--target', target, ...more], WRITTEN_MS);
  if (ended?.code === 0) return Answer.parse(JSON.parse(ended.stdout)).found;
  const stopped = ended === null || ended.code === 128 + constants.signals.SIGALRM;
  throw new BayplanError('copy-up-failed', `volume ${volume}: the image's content of ${target} cannot be copied into it: ${stopped ? 'what it is mounted from has stopped answering' : reason(ended.stderr)}${advice}`);
}

function reason(text: string): string {
  try {
    return Failure.parse(JSON.parse(text)).error;
  } catch {
    return text.trim() === '' ? 'bayplan-core copy-up did not end well' : text.trim();
  }
}
