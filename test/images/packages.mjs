import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Installs the Debian packages whose file is missing: `{ package: file }`. Where that cannot be done, the error says what to install. */
export function ensurePackages(files) {
  const missing = Object.entries(files).filter(([, file]) => !existsSync(file)).map(([name]) => name);
  if (missing.length === 0) return;
  const advice = `the images need the Debian package(s) ${missing.join(' ')}: apt-get install ${missing.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get') || process.getuid?.() !== 0) throw new Error(advice);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => execFileSync('apt-get', ['install', '-qq', '--no-install-recommends', '-y', ...missing], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    try {
      install();
    } catch {
      // The package lists may be missing or old.
      execFileSync('apt-get', ['update', '-qq'], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
      install();
    }
  } catch (cause) {
    throw new Error(advice, { cause });
  }
}
