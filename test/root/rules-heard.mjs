// Gives each of its commands to nft, and prints as JSON what a watch of the rules, `own` being the watched table, told after each: '' nothing, `others`, `own`.
//   node rules-heard.mjs LIBRARY FOLDER COMMAND…
import { execFileSync } from 'node:child_process';
import { mkdirSync, readSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';

const [library, folder, ...commands] = process.argv.slice(2);
const end = [-1];
koffi.load(library).func('int lib_watch(_Out_ int *out, void *err)')(end, Buffer.alloc(4096));
writeSync(end[0], `rules 0 own\nentries 1 ${folder}\nentries 2 ${folder}/nowhere\n`);
const buffer = Buffer.alloc(4096);
readSync(end[0], buffer); // the complaint about the last one: the others are watched

/** All that is told until something in the folder is: that is done after the command. */
function heard() {
  mkdirSync(join(folder, 'one'));
  rmdirSync(join(folder, 'one'));
  let told = '';
  while (!told.includes('1\n')) told += buffer.toString('latin1', 0, readSync(end[0], buffer));
  return told.split('\n').filter((line) => line.startsWith('0'));
}

process.stdout.write(JSON.stringify(commands.map((command) => {
  execFileSync('nft', [command]);
  return heard().map((line) => line.split(' ')[1] ?? 'others').join();
})));
