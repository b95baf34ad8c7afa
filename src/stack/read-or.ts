import { BayplanError } from '../state/bayplan-error.ts';

/** The text of a file, null where there is none; of one that is there and cannot be read (a folder, say) it tells why, and `instead` stands for it. */
export function readOr(instead: string, read: (path: string) => string | null, path: string, tell: (message: string) => void): string | null {
  try {
    return read(path);
  } catch (error) {
    if (!(error instanceof BayplanError) || error.code !== 'unreadable') throw error;
    tell(error.message);
    return instead;
  }
}
