// Removes images one after the other in a process of its own, for a test that kills it. Arguments: the root folder, then their names.
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';

const { createEngine } = createRequire(import.meta.url)('../../build/index.cjs');
const [root, ...names] = process.argv.slice(2);
const { engine, close } = await createEngine({ root });
for (const name of names) {
  writeSync(1, `${name}\n`);
  await engine.images.remove(name, false);
}
await close();
