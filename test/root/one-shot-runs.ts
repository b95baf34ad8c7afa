/** A command that may let the one-shot service run once more: an `up` of a revision, or a start of who depends on it. `told`: its success was told to who asked for it. */
export interface Act { readonly verb: 'up' | 'release'; readonly revision: number; readonly told: boolean }

/**
 * Which runs of the one-shot service were too many: a line each, with the boot it is of. `events`, in the order in which they came onto the disk, are `migrates REVISION BOOT` and `app-starts REVISION BOOT` beside
 * others; `acts`: what was begun in each boot. Of a revision it runs once for each act, and once in each boot from then on until its success has had consequences:
 *
 * | until the cut                                                       | after it     |
 * |---------------------------------------------------------------------|--------------|
 * | it had not begun, was amid its work, or its end was not on the disk | runs (again) |
 * | who depends on it had started after its end                         | never again  |
 * | an `up` of it was told of the success                               | never again  |
 *
 * A start of who depends on it waits for its end only where that one does not run yet.
 */
export function oneShotProblems(events: readonly string[], acts: readonly (readonly Act[])[]): readonly { readonly boot: number; readonly text: string }[] {
  const seen = events.map((event) => event.split(' ')).map(([what = '', revision, boot]) => ({ what, revision: Number(revision), boot: Number(boot) }));
  const revisions = [...new Set(seen.map(({ revision }) => revision))];
  return revisions.flatMap((revision) => {
    const problems: { boot: number; text: string }[] = [];
    const passed: string[] = [];
    let open = false;
    for (const [boot, all] of acts.entries()) {
      const own = all.filter((act) => act.revision === revision);
      const most = own.length + (open ? 1 : 0);
      const here = seen.filter((event) => event.revision === revision && event.boot === boot && ['migrates', 'app-starts'].includes(event.what)).map(({ what }) => what);
      const runs = here.filter((what) => what === 'migrates').length;
      passed.push(`boot ${boot}: ${[...own.map(({ verb, told }) => `${verb}${told ? ' (told)' : ''}`), ...here].join(', ')}`);
      if (runs > most) problems.push({ boot, text: `the one-shot service ran ${runs} times for ${revision}, at most ${most} were expected, for its success had been told, or had had consequences (${passed.slice(-3).join('; ')})` });
      const last = own.at(-1);
      const started = here.at(-1) === 'app-starts' && (runs >= most || own.every(({ verb }) => verb === 'up'));
      if (started || (last?.verb === 'up' && last.told)) open = false;
      else if (own.length > 0) open = true;
    }
    return problems;
  });
}
