import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWherePresent } from '../where-present.ts';
import { Console } from './console.ts';

// What real shells offer with the scripts sourced, where they are installed. `bayplan` is a program on their PATH that answers `config --services` and the like, and keeps what it was asked.
const folder = mkdtempSync(join(tmpdir(), 'bayplan-completion-'));
const asked = join(folder, 'asked');
beforeAll(async () => {
  const cli = await new Console().open();
  try {
    for (const shell of ['bash', 'zsh', 'fish']) {
      expect(await cli.run('completion', shell)).toBe(0);
      writeFileSync(join(folder, shell), cli.out);
    }
  } finally {
    cli.close();
  }
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'here'));
  writeFileSync(join(folder, 'here', 'stack.yaml'), '');
  writeFileSync(join(folder, 'bin/bayplan'), `#!/bin/sh\necho "$@" >${asked}\ncase "$*" in *--services) printf 'db\\nweb\\nweb-admin\\n';; *--profiles) cat ${join(folder, 'profiles')};; esac\n`);
  writeFileSync(join(folder, 'profiles'), 'debug\ntest\n');
  chmodSync(join(folder, 'bin/bayplan'), 0o755);
});
afterAll(() => { rmSync(folder, { recursive: true }); });

type Offers = (line: string) => Promise<readonly string[]>;
const env = (): NodeJS.ProcessEnv => ({ ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: folder, ZDOTDIR: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, XDG_CACHE_HOME: folder, TERM: 'dumb', SHELL: '/bin/sh' });
const missing = (shell: string): string | null => (spawnSync(shell, ['--version']).status === 0 ? null : `no ${shell}`);
const packaged = '/usr/share/bash-completion/bash_completion';
const inShell = (shell: string, ...args: readonly string[]): readonly string[] => execFileSync(shell, args, { cwd: join(folder, 'here'), env: env(), encoding: 'utf8' }).split('\n').filter((word) => word !== '');

/** What an interactive shell shows at a terminal (`script` of util-linux makes it) where these keys are typed once its prompt is there. */
async function typed(shell: string, keys: string): Promise<string> {
  const terminal = spawn('script', ['-qefc', shell, '/dev/null'], { cwd: join(folder, 'here'), env: env(), stdio: ['pipe', 'pipe', 'inherit'], timeout: 20_000 });
  let shown = '';
  terminal.stdout.on('data', (data: Buffer) => {
    if (!shown.includes('ready>') && (shown + data.toString()).includes('ready>')) terminal.stdin.write(keys);
    shown += data.toString();
  });
  await new Promise((resolve) => terminal.once('close', resolve));
  return shown;
}

function bashOffers(withPackage: boolean): Offers {
  // As bash itself splits a line; then the function that is registered for the command.
  const script = `${withPackage ? `. ${packaged}; ` : ''}. ${join(folder, 'bash')}
compopt() { :; }
line=$1; COMP_LINE=$line COMP_POINT=\${#line}
split=\${line//=/ = }; read -ra COMP_WORDS <<< "\${split//:/ : }"; [[ $line == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
f=$(complete -p bayplan); f=\${f##*-F }; \${f%% *} bayplan "\${COMP_WORDS[COMP_CWORD]}" ''
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return (line) => Promise.resolve(inShell('bash', '--norc', '-c', script, 'bash', line).toSorted());
}

const fishOffers: Offers = (line) => Promise.resolve(inShell('fish', '--no-config', '-c', `source ${join(folder, 'fish')}; complete -C "$argv[1]"`, '--', line).map((row) => row.split('\t')[0] ?? '').sort());

/** zsh can be asked by Tab at a terminal alone. All words that its compadd would offer are written down. */
const zshOffers: Offers = async (line) => {
  const told = join(folder, 'told');
  rmSync(told, { force: true });
  writeFileSync(join(folder, '.zshrc'), `PS1='ready>'; unsetopt beep; autoload -Uz compinit; compinit -u -d ${join(folder, 'zcompdump')}; . ${join(folder, 'zsh')}
compadd() {
  local -a hits
  [[ -n \${argv[(r)-[ADO]]} ]] || { builtin compadd -O hits "$@"; print -rl -- $hits >>${told} }
  builtin compadd "$@"
}\n`);
  await typed('zsh -i', `${line}\t\u0015exit\n`);
  return existsSync(told) ? [...new Set(readFileSync(told, 'utf8').split('\n'))].filter((word) => word !== '').sort() : [];
};

/** A shell at a terminal takes its time to begin. */
const PATIENCE_MS = 60_000;

function offersRight(offers: Offers, has: { readonly suffix: boolean }): void {
  test('commands, and those below', async () => {
    expect(await offers('bayplan re')).toEqual(['restart']);
    expect(await offers('bayplan volume in')).toEqual(['inspect']);
    expect(await offers('bayplan fetch')).not.toContain('fetch-stack'); // it is of the program's own
    expect(await offers('bayplan completion z')).toEqual(['zsh']);
  }, PATIENCE_MS);
  test('options', async () => {
    expect(await offers('bayplan -p x restart --no')).toEqual(['--no-deps']);
    expect(await offers('bayplan up --exit')).toEqual(['--exit-code-from']);
    expect(await offers('bayplan --proj')).toEqual(['--project-directory', '--project-name']);
  }, PATIENCE_MS);
  test('services of the stack file that is meant', async () => {
    expect(await offers('bayplan logs ')).toEqual(['db', 'web', 'web-admin']);
    expect(readFileSync(asked, 'utf8')).toBe('config --services\n');
    expect(await offers('bayplan -f stack.yaml --profile debug up -d db w')).toEqual(['web', 'web-admin']);
    expect(readFileSync(asked, 'utf8')).toBe('-f stack.yaml --profile debug config --services\n');
    expect(await offers('bayplan exec -e A=b d')).toEqual(['db']);
    expect(await offers('bayplan exec db w')).not.toContain('web'); // what comes then is a command
  }, PATIENCE_MS);
  test('what an option can be', async () => {
    expect(await offers('bayplan pull --policy ')).toEqual(['always', 'missing']);
    expect(await offers('bayplan up --exit-code-from d')).toEqual(['db']);
    expect(await offers('bayplan --profile ')).toEqual(['debug', 'test']);
    expect((await offers('bayplan up --progress=q')).map((word) => word.replace('--progress=', ''))).toEqual(['quiet']);
    expect(await offers('bayplan logs --tail ')).toEqual([]);
  }, PATIENCE_MS);
  test('names of a file that is somebody else\'s run nothing', async () => {
    const [ran, names] = [join(folder, 'ran'), join(folder, 'profiles')];
    writeFileSync(names, `$(touch ${ran})\n\`touch ${ran}\`\ndebug; touch ${ran}\ndebug\n`);
    try {
      expect(await offers('bayplan --profile d')).toContain('debug');
      expect(await offers('bayplan --profile ')).toContain('debug');
      expect(existsSync(ran)).toBe(false);
    } finally {
      rmSync(ran, { force: true });
      writeFileSync(names, 'debug\ntest\n');
    }
  }, PATIENCE_MS);
  test('what follows a service', async () => {
    expect(await offers('bayplan scale d')).toEqual([has.suffix ? 'db=' : 'db']);
    expect(await offers('bayplan cp d')).toEqual([has.suffix ? 'db:' : 'db']);
  }, PATIENCE_MS);
}

describeWherePresent([missing('bash')], 'bash', () => {
  offersRight(bashOffers(false), { suffix: true });
  test('at a terminal, of files too', async () => {
    writeFileSync(join(folder, 'bashrc'), `PS1='ready>'; . ${join(folder, 'bash')}\n`);
    await typed(`bash --rcfile ${join(folder, 'bashrc')} -i`, 'bayplan -f sta\t up web-\t\nexit\n');
    expect(readFileSync(asked, 'utf8')).toBe('-f stack.yaml up web-admin\n');
  }, PATIENCE_MS);
});
describeWherePresent([missing('bash'), existsSync(packaged) ? null : 'no bash-completion'], 'bash with bash-completion', () => offersRight(bashOffers(true), { suffix: true }));
describeWherePresent([missing('fish')], 'fish', () => offersRight(fishOffers, { suffix: true }));
describeWherePresent([missing('zsh')], 'zsh', () => offersRight(zshOffers, { suffix: false }));

describe('another shell', () => {
  test('is refused', async () => {
    const cli = await new Console().open();
    try {
      expect(await cli.run('completion', 'csh')).toBe(1);
      expect(cli.err).toContain('Expected bash, zsh or fish');
    } finally {
      cli.close();
    }
  });
});
