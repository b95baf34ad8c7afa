import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { ContainerFiles } from '../container/bundle-files.ts';
import type { OciMount } from '../container/oci.ts';
import { BayplanError } from '../../state/bayplan-error.ts';
import { type Ended, runBounded } from '../bounded-process.ts';
import { coreError, runStorage } from '../storage/core-output.ts';
import { needsStaging, type FoundIdentity } from './foreign-bundle.ts';

const GIVE_UP_MS = 15_000;
const Identity = z.looseObject({ version: z.int(), uid: z.int(), gid: z.int(), gids: z.array(z.int()), home: z.string() });

/** `user[:group]` and further groups, by the passwd and group files below a root. Throws BayplanError `storage-failed` where there is no such name. */
export async function identityIn(core: string, root: string, annotations: Readonly<Record<string, string>>): Promise<FoundIdentity> {
  const groups = annotations['io.bayplan.groups'];
  const said = await runStorage(core, ['identity', '--root', root, '--user', annotations['io.bayplan.user'] ?? '0', ...(groups === undefined ? [] : ['--groups', groups])], GIVE_UP_MS);
  return Identity.parse(JSON.parse(said));
}

/**
 * Lays contents into memory, and parts of volumes out by what they are and not by their name, so that a runtime need only bind them. Answers by target where each one is: below `files.staged`, on a file
 * system that goes with one unmount.
 */
export async function stageMounts(core: string, files: ContainerFiles, mounts: readonly OciMount[]): Promise<ReadonlyMap<string, string>> {
  for (const mount of mounts) if (mount.type === 'bind' && mount.options.includes('create')) await ofSource(mount, runBounded(core, ['make-source', '--path', mount.source], GIVE_UP_MS));
  const wanted = mounts.filter(needsStaging);
  if (wanted.length === 0) return new Map();
  mkdirSync(files.staged, { recursive: true, mode: 0o700 });
  await runStorage(core, ['mount', '--type', 'tmpfs', '--source', 'tmpfs', '--target', files.staged, '--options', 'mode=700,nosuid,nodev,noexec'], GIVE_UP_MS);
  const staged = new Map<string, string>();
  for (const [index, mount] of wanted.entries()) {
    const place = join(files.staged, String(index));
    if (mount.type === 'content') layContent(mount, place);
    else await bindPart(core, mount, place);
    staged.set(mount.destination, place);
  }
  return staged;
}

function layContent({ source, options }: OciMount, place: string): void {
  const value = (name: string, otherwise: string): string => options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1) ?? otherwise;
  copyFileSync(source, place);
  chownSync(place, Number(value('uid', '0')), Number(value('gid', '0')));
  chmodSync(place, Number.parseInt(value('mode', '444'), 8));
}

async function bindPart(core: string, mount: OciMount, place: string): Promise<void> {
  const subpath = mount.options.find((option) => option.startsWith('subpath=')) ?? '';
  await ofSource(mount, runBounded(core, ['mount', '--source', mount.source, '--target', place, '--options', `bind,${subpath}`, '--place'], GIVE_UP_MS));
}

/** What looks at a source of the user's is a process of its own, which can be killed: its server may be dead. */
async function ofSource({ source, destination }: OciMount, work: Promise<Ended | null>): Promise<void> {
  const ended = await work;
  if (ended === null) throw new BayplanError('start-failed', `bind source ${source} (for ${destination}) does not answer (${GIVE_UP_MS / 1000} s): is its server gone?`);
  if (ended.code !== 0) throw new BayplanError('storage-failed', coreError(ended.stderr, `bind source ${source} (for ${destination}) cannot be had`));
}
