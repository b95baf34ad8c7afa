import { isUtf8 } from 'node:buffer';

/** What stands for a byte that is no UTF-8: half of a surrogate pair, which no text has. Written again it becomes U+FFFD. */
const NO_TEXT = '\udfff';

/** Bytes as UTF-8; one that is none stays to be told from the U+FFFD that a file may have itself. */
export function utf8Text(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  const own = Buffer.from('\ufffd');
  const pieces: string[] = [];
  let from = 0;
  for (let at = bytes.indexOf(own); at >= 0; at = bytes.indexOf(own, from)) {
    pieces.push(bytes.toString('utf8', from, at));
    from = at + own.length;
  }
  pieces.push(bytes.toString('utf8', from));
  return pieces.map((piece) => piece.replaceAll('\ufffd', NO_TEXT)).join('\ufffd');
}
