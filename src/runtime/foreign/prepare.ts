import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { ContainerFiles } from '../container/bundle-files.ts';
import type { OciMount } from '../container/oci.ts';
import { runStorage } from '../storage/core-output.ts';
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
  for (const { type, source, options } of mounts) if (type === 'bind' && options.includes('create') && !existsSync(source)) mkdirSync(source, { recursive: true, mode: 0o755 });
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

async function bindPart(core: string, { source, options }: OciMount, place: string): Promise<void> {
  const subpath = options.find((option) => option.startsWith('subpath=')) ?? '';
  // Of the right kind; what it is in truth the core sees, which follows no link out of the volume.
  if (statSync(join(source, subpath.slice('subpath='.length)), { throwIfNoEntry: false })?.isFile() === true) writeFileSync(place, '');
  else mkdirSync(place);
  await runStorage(core, ['mount', '--source', source, '--target', place, '--options', `bind,${subpath}`], GIVE_UP_MS);
}
