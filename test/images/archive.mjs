import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Tars a folder as a layer: sorted, numeric owners, xattrs kept. Returns its diff ID. */
export async function writeLayer(folder, file, { owner, mtime } = {}) {
  execFileSync('tar', [
    '--sort=name', '--numeric-owner', '--xattrs', '--xattrs-include=security.capability', '--xattrs-include=user.*',
    ...(owner === undefined ? [] : [`--owner=${owner}`, `--group=${owner}`]), ...(mtime === undefined ? [] : [`--mtime=@${mtime}`]),
    '-cf', file, '-C', folder, '.',
  ]);
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return { file, diffId: `sha256:${hash.digest('hex')}` };
}

/**
 * Writes a `docker save` archive. `images`: { names, config (OCI `config` object), layers (of writeLayer, lowest first) }; a layer that
 * several images share is stored once.
 */
export function writeArchive(images, archive, created) {
  const folder = mkdtempSync(`${archive}.`);
  try {
    const manifest = images.map(({ names, config, layers }) => {
      const json = JSON.stringify({
        architecture: { x64: 'amd64' }[process.arch] ?? process.arch, os: 'linux', created, config,
        rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
        history: layers.map(() => ({ created, created_by: 'test/images/make-images.mjs' })),
      });
      const id = createHash('sha256').update(json).digest('hex');
      writeFileSync(join(folder, `${id}.json`), json);
      const paths = layers.map(({ file, diffId }) => {
        const hex = diffId.slice('sha256:'.length);
        mkdirSync(join(folder, hex), { recursive: true });
        execFileSync('ln', ['-f', file, join(folder, hex, 'layer.tar')]);
        return `${hex}/layer.tar`;
      });
      return { Config: `${id}.json`, RepoTags: names, Layers: paths };
    });
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    execFileSync('tar', ['--sort=name', '--numeric-owner', '--hard-dereference', '-cf', `${archive}.new`, '-C', folder, ...readdirSync(folder).sort()]);
    renameSync(`${archive}.new`, archive);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
