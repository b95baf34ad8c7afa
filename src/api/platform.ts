import { arch } from 'node:os';
import { GO_ARCH } from './go-arch.ts';

/** This machine's, which every image is for. */
export const OWN_PLATFORM = `linux/${GO_ARCH[arch()] ?? arch()}`;

const SYSTEMS = ['linux', 'windows', 'darwin', 'macos', 'freebsd', 'netbsd', 'openbsd', 'dragonfly', 'solaris', 'illumos', 'aix', 'plan9', 'android', 'ios', 'js', 'wasip1'];

/** What is wrong with `OS[/ARCHITECTURE[/VARIANT]]` or `ARCHITECTURE`, in containerd's words; null: nothing. */
export function platformMistake(platform: string): string | null {
  const [first = '', ...rest] = platform.toLowerCase().split('/');
  if (!/^[\w.-]+$/.test(first)) return `"${first}" is an invalid OS component of "${platform}": OSAndVersion specifier component must match "^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.-]*)\\))?$": invalid argument`;
  const odd = rest.find((part) => !/^[\w.-]+$/.test(part));
  if (odd !== undefined || rest.length > 2) return `"${odd ?? platform}" is an invalid component of "${platform}": invalid argument`;
  if (rest.length === 0 && !SYSTEMS.includes(first) && !ARCHITECTURES.has(first)) return `"${platform}": unknown operating system or architecture: invalid argument`;
  return null;
}

const ARCHITECTURES: ReadonlySet<string> = new Set(['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips', 'mips64', 'mips64le', 'mipsle', 'ppc64', 'ppc64le', 'riscv64', 's390x', 'sparc64', 'wasm', 'x86_64', 'aarch64', 'armhf', 'armel', 'i386', 'x86-64']);
const OTHER_NAMES: Readonly<Record<string, string>> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64', armhf: 'arm', armel: 'arm', i386: '386' };

/** Whether that is this machine's: '' and what leaves a part out is. */
export function isOwnPlatform(platform: string): boolean {
  if (platform === '') return true;
  const parts = platform.toLowerCase().split('/').map((part) => OTHER_NAMES[part] ?? part);
  const [system = '', architecture] = OWN_PLATFORM.split('/');
  if (parts.length === 1) return parts[0] === system || parts[0] === architecture;
  return parts[0] === system && parts[1] === architecture;
}
