import { statOf } from '../state/stat-of.ts';

/** Follows folders of /proc/sys: what is written in them is told by inotify as of any other. One that came anew under its name, with its link, is followed anew. */
export class SettingWatch {
  readonly #add: (folder: string) => () => void;
  readonly #watched = new Map<string, { readonly ino: number; readonly cancel: () => void }>();

  /** `add`: begins to follow one, until what it answers is called. */
  constructor(add: (folder: string) => () => void) {
    this.#add = add;
  }

  /** From now on those of these folders that are there, and no others. */
  follow(folders: readonly string[]): void {
    const there = new Map(folders.flatMap((folder) => {
      const stat = statOf(folder);
      return stat === undefined ? [] : [[folder, stat.ino] as const];
    }));
    for (const [folder, { ino, cancel }] of this.#watched) {
      if (there.get(folder) === ino) continue;
      cancel();
      this.#watched.delete(folder);
    }
    for (const [folder, ino] of there) if (!this.#watched.has(folder)) this.#watched.set(folder, { ino, cancel: this.#add(folder) });
  }
}
