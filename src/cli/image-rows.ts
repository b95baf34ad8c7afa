import type { ImageSummary } from '../client/image-client.ts';
import { humanDuration } from '../state/human-duration.ts';
import { humanSize } from './human-size.ts';
import { table } from './table.ts';

/** A line of a list of images: one for each of an image's names. */
export interface ImageRow { readonly repository: string; readonly tag: string; readonly digest: string; readonly id: string; readonly created: number; readonly size: number }

const NONE = '<none>';

export function imageRows(images: readonly ImageSummary[]): readonly ImageRow[] {
  return images.flatMap((image) => (image.RepoTags.length === 0 ? [`${NONE}:${NONE}`] : image.RepoTags).map((name) => {
    const at = name.lastIndexOf(':');
    const repository = name.slice(0, at);
    const digest = image.RepoDigests.find((each) => each.startsWith(`${repository}@`))?.slice(repository.length + 1) ?? NONE;
    return { repository, tag: name.slice(at + 1), digest, id: image.Id, created: image.Created, size: image.Size };
  }));
}

export function imageTable(rows: readonly ImageRow[], options: { readonly digests: boolean; readonly truncate: boolean }): string {
  const now = Date.now();
  const columns: readonly (readonly [string, (row: ImageRow) => string])[] = [
    ['REPOSITORY', ({ repository }) => repository], ['TAG', ({ tag }) => tag], ...(options.digests ? [['DIGEST', ({ digest }: ImageRow) => digest] as const] : []),
    ['IMAGE ID', ({ id }) => imageId(id, options.truncate)], ['CREATED', ({ created }) => since(created, now)], ['SIZE', ({ size }) => humanSize(size)],
  ];
  return table(columns.map(([title]) => title), rows.map((row) => columns.map(([, cell]) => cell(row))));
}

/** Docker's fields, for `--format json`. */
export function imageRecord(row: ImageRow, truncate: boolean): object {
  return {
    Containers: 'N/A', CreatedAt: createdAt(row.created), CreatedSince: since(row.created, Date.now()), Digest: row.digest, ID: imageId(row.id, truncate),
    Repository: row.repository, SharedSize: 'N/A', Size: humanSize(row.size), Tag: row.tag, UniqueSize: 'N/A',
  };
}

/** Twelve digits, unless all are asked for. */
export function imageId(id: string, truncate: boolean): string {
  return truncate ? id.replace('sha256:', '').slice(0, 12) : id;
}

/** `seconds` since the epoch; 0: the image does not say. */
export function since(seconds: number, now: number): string {
  return seconds === 0 ? 'N/A' : `${humanDuration(now - seconds * 1000)} ago`;
}

export function createdAt(seconds: number): string {
  return seconds === 0 ? 'N/A' : `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}
