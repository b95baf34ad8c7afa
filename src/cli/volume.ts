import type { AddCommand } from './program.ts';
import { addVolumeCreate } from './volume-create.ts';
import { addVolumeInspect } from './volume-inspect.ts';
import { addVolumeList } from './volume-ls.ts';
import { addVolumePrune } from './volume-prune.ts';
import { addVolumeRemove } from './volume-rm.ts';

export const addVolume: AddCommand = (program, cli, ends) => {
  const volume = program.command('volume').description('work with volumes');
  for (const add of [addVolumeList, addVolumeInspect, addVolumeCreate, addVolumeRemove, addVolumePrune]) add(volume, cli, ends);
};
