import { expect, test } from 'vitest';
import { readConfig } from '../../../../src/runtime/image/registry/documents.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const manifest = { schemaVersion: 2, config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 4 }, layers: [] } as const;

test.each([
  ['null', 'it is no JSON object'], ['"x"', 'it is no JSON object'], ['[]', 'it is no JSON object'], ['{', 'it is not JSON'], ['{"rootfs":[]}', 'rootfs: '],
])('a config %s is refused in words that say what it is', (text, why) => {
  expect(() => readConfig(Buffer.from(text), { ...manifest, layers: [] }, 'image a:1')).toThrow(`image a:1 cannot be used: ${why}`);
});
