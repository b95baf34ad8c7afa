/** Options without a value, as mount(8) has them: what the core knows of any mount, and tmpfs's own. */
const WORDS = new Set([
  ...['ro', 'rw', 'remount', 'defaults', 'silent', 'loud', 'tmpcopyup', 'nostrictatime', 'inode32', 'inode64', 'noswap', 'quota', 'usrquota', 'grpquota', 'casefold', 'strict_encoding'],
  ...['suid', 'dev', 'exec', 'symfollow', 'atime', 'diratime', 'relatime', 'iversion', 'lazytime', 'mand'].flatMap((word) => [word, `no${word}`]), 'strictatime', 'sync', 'async', 'dirsync',
  ...['private', 'slave', 'shared', 'unbindable'].flatMap((word) => [word, `r${word}`]),
]);
/** Those with one (tmpfs(5)), and what it has to be. */
const VALUES: ReadonlyMap<string, readonly [RegExp, string]> = new Map([
  ...['size', 'nr_blocks', 'nr_inodes'].map((name): [string, readonly [RegExp, string]] => [name, [/^\d+([kmgtpe]|%)?$/i, 'a number such as 64m']]), ['mode', [/^[0-7]{1,4}$/, 'an octal mode such as 1777']],
  ...['uid', 'gid'].map((name): [string, readonly [RegExp, string]] => [name, [/^\d{1,10}$/, 'a number']]), ['mpol', [/./, 'a memory policy']], ['huge', [/^(never|always|within_size|advise|deny|force)$/, 'never, always, within_size or advise']],
  ...['usrquota_block_hardlimit', 'usrquota_inode_hardlimit', 'grpquota_block_hardlimit', 'grpquota_inode_hardlimit'].map((name): [string, readonly [RegExp, string]] => [name, [/^\d+[kmg]?$/i, 'a number']]), ['casefold', [/./, 'an encoding']],
]);

/** What is wrong with an option of a tmpfs; null: nothing that can be known without the kernel. */
export function tmpfsOptionProblem(option: string): string | null {
  const equals = option.indexOf('=');
  if (option === '' || (equals < 0 && WORDS.has(option))) return null;
  const [name, value] = equals < 0 ? [option, ''] : [option.slice(0, equals), option.slice(equals + 1)];
  const [form, expected] = VALUES.get(name) ?? [];
  if (form === undefined) return `expected an option of a tmpfs such as size=64m, mode=1777, uid=1000, noexec or ro, got ${JSON.stringify(option)}`;
  return form.test(value) ? null : `expected ${expected ?? ''} as ${name}, got ${JSON.stringify(value)}`;
}
