import { addImageHistory } from './image-history.ts';
import { addImageInspect } from './image-inspect.ts';
import { addImageList } from './image-ls.ts';
import { addImagePrune } from './image-prune.ts';
import { addImageRemove } from './image-rm.ts';
import { addImageTag } from './image-tag.ts';
import { addLoad } from './load.ts';
import type { AddCommand } from './program.ts';
import { addSave } from './save.ts';

export const addImage: AddCommand = (program, cli, ends) => {
  const image = program.command('image').description('work with the images in the store');
  for (const add of [addImageList, addImageInspect, addImageHistory, addImageTag, addImageRemove, addImagePrune, addSave, addLoad]) add(image, cli, ends);
};
