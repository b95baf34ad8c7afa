/** A stack file that is somewhere else, as `include`, `extends` and `-f` may name it. */
export type Remote =
  | { readonly kind: 'git'; readonly url: string; /** A branch, tag or commit; '' for what the repository says. */ readonly ref: string; /** In the repository; '' for its top. */ readonly path: string }
  | { readonly kind: 'oci'; readonly reference: string };

/** Where a remote file was put: its path here, or why there is none. */
export type Located = { readonly file: string } | { readonly problem: string };

/**
 * Reads `https://HOST/REPOSITORY.git#REF:PATH`, the same with git:// and ssh://, `git@HOST:REPOSITORY#…`, `github.com/OWNER/REPOSITORY#…`, and `oci://REFERENCE`, which are
 * what docker compose takes. Null: a path of this machine.
 */
export function parseRemote(text: string): Remote | null {
  if (text.startsWith('oci://')) return { kind: 'oci', reference: text.slice('oci://'.length) };
  const hash = text.indexOf('#');
  const address = hash < 0 ? text : text.slice(0, hash);
  const [ref = '', ...path] = hash < 0 ? [] : text.slice(hash + 1).split(':');
  const url = repositoryOf(address);
  return url === null ? null : { kind: 'git', url, ref, path: path.join(':') };
}

function repositoryOf(address: string): string | null {
  if (/^https?:\/\/[^/]+\/.*\.git$/.test(address) || /^(git|ssh):\/\/[^/]+\/.+/.test(address)) return address;
  if (/^github\.com\/[^/]+\/[^/]+/.test(address)) return `https://${address}`;
  // As scp writes it: no path begins with a user.
  return /^[\w.-]+@[\w.-]+:[^/].*/.test(address) ? address : null;
}
