import { humanDuration } from '../state/human-duration.ts';
import { clientOf } from './client-of.ts';
import { addFormat } from './options.ts';
import type { AddCommand } from './program.ts';
import { table } from './table.ts';

interface ImagesOptions { readonly root?: string; readonly format?: 'json' | 'table' }

export const addImages: AddCommand = (program, cli, ends) => {
  addFormat(program.command('images').description('list the images in the store'))
    .action(ends(async (_own: ImagesOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<ImagesOptions>();
      const images = await clientOf(options, cli).images();
      const rows = images.flatMap((image) => (image.RepoTags.length === 0 ? ['<none>:<none>'] : image.RepoTags).map((tag) => {
        const at = tag.lastIndexOf(':');
        return { repository: tag.slice(0, at), tag: tag.slice(at + 1), id: image.Id, created: image.Created, size: image.Size };
      })).sort((a, b) => (`${a.repository}:${a.tag}` < `${b.repository}:${b.tag}` ? -1 : 1));
      const now = Date.now();
      cli.stdout.write(options.format === 'json' ? `${JSON.stringify(rows.map((row) => ({ Repository: row.repository, Tag: row.tag, ID: row.id, CreatedAt: row.created, Size: row.size })), null, 2)}\n` : table(
        ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'],
        rows.map((row) => [row.repository, row.tag, row.id.replace('sha256:', '').slice(0, 12), row.created === 0 ? 'N/A' : `${humanDuration(now - row.created * 1000)} ago`, humanSize(row.size)]),
      ));
      return 0;
    }));
};

/** As docker writes sizes: decimal, three digits. */
export function humanSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))}${units[power] ?? 'B'}`;
}
