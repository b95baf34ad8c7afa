import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dockerArchive } from '../runtime/image/image-archives.ts';
import { tarBytes } from '../runtime/image/tar-bytes.ts';
import { Machine, top } from './harness.ts';

let machine: Machine;
beforeEach(() => { machine = new Machine(); });
afterEach(() => machine.dispose());

const IMAGES = 12;
const layer = (text: string): Buffer => tarBytes(Array.from({ length: 50 }, (_, i) => ({ name: `${text}/${i}`, content: text })));
const count = (folder: string): number => readdirSync(join(machine.root, folder)).length;

/** Removes the images in a process that is killed `ms` after it has begun with the first. */
async function removeAndKill(names: readonly string[], ms: number): Promise<void> {
  const child = spawn(process.execPath, [join(top, 'test/root/removal-to-kill.mjs'), machine.root, ...names], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended]);
  setTimeout(() => child.kill('SIGKILL'), ms);
  await ended;
}

test('an engine killed at any moment of removals leaves whole images, and the next one takes away the rest', async () => {
  const names = Array.from({ length: IMAGES }, (_, i) => `app${i}:1`);
  let images = (await machine.open()).images;
  for (const [i, name] of names.entries()) await images.load(Readable.from([dockerArchive({ names: [name], layers: [layer('base'), layer(`own-${i}`)] })]));
  for (const ms of [0, 1, 3, 6, 10, 15, 30, 60, 120, 250, 500]) {
    if (ms > 15 && images.list().length < IMAGES) break; // where a removal takes longer
    await machine.close();
    await removeAndKill(names.filter((name) => images.find(name) !== null), ms);
    images = (await machine.open()).images;
    const left = images.list();
    for (const { image } of left) expect(await images.layers(image.id)).toHaveLength(2);
    // Of each image two documents and a layer of its own, and one layer that they share.
    expect([count('images/blobs/sha256'), count('layers')]).toEqual(left.length === 0 ? [0, 0] : [3 * left.length + 1, left.length + 1]);
    expect(readdirSync(join(machine.root, 'images')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  }
  expect(images.list().length).toBeLessThan(IMAGES);
});
