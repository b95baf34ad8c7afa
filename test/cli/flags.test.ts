import { afterEach, beforeEach, expect, test } from 'vitest';
import { Console } from './console.ts';

let cli: Console;
beforeEach(async () => {
  cli = await new Console().open();
  cli.write('compose.yaml', 'name: shop\nservices:\n  web:\n    image: nginx:1\n    build: .\n');
});
afterEach(() => cli.close());

/** What `docker compose COMMAND --help` lists in version 2.40.3, and the references of 5.x; '' has those before the command. Each command has `--dry-run` too. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  '': ['--all-resources', '--ansi string', '--compatibility', '--dry-run', '--env-file stringArray', '-f --file stringArray', '--parallel int', '--profile stringArray', '--progress string', '--project-directory string', '-p --project-name string'],
  attach: ['--detach-keys string', '--index int', '--no-stdin', '--sig-proxy'],
  commit: ['-a --author string', '-c --change list', '--index int', '-m --message string', '-p --pause'],
  config: ['--environment', '--format string', '--hash string', '--images', '--lock-image-digests', '--models', '--networks', '--no-consistency', '--no-env-resolution', '--no-interpolate', '--no-normalize', '--no-path-resolution', '-o --output string', '--profiles', '-q --quiet', '--resolve-image-digests', '--services', '--variables', '--volumes'],
  cp: ['--all', '-a --archive', '-L --follow-link', '--index int'],
  create: ['--build', '--force-recreate', '--no-build', '--no-recreate', '--pull string', '--quiet-pull', '--remove-orphans', '--scale scale', '-y --yes'],
  down: ['--remove-orphans', '--rmi string', '-t --timeout int', '-v --volumes'],
  events: ['--json', '--since string', '--until string'],
  exec: ['-d --detach', '-e --env stringArray', '--index int', '-T --no-tty', '--privileged', '-u --user string', '-w --workdir string'],
  export: ['--index int', '-o --output string'],
  images: ['--format string', '-q --quiet'],
  kill: ['--remove-orphans', '-s --signal string'],
  logs: ['-f --follow', '--index int', '--no-color', '--no-log-prefix', '--since string', '-n --tail string', '-t --timestamps', '--until string'],
  ls: ['-a --all', '--filter filter', '--format string', '-q --quiet'],
  pause: [],
  port: ['--index int', '--protocol string'],
  ps: ['-a --all', '--filter string', '--format string', '--no-trunc', '--orphans', '-q --quiet', '--services', '--status stringArray'],
  pull: ['--ignore-buildable', '--ignore-pull-failures', '--include-deps', '--policy string', '-q --quiet'],
  push: ['--ignore-push-failures', '--include-deps', '-q --quiet'],
  restart: ['--no-deps', '-t --timeout int'],
  rm: ['-f --force', '-s --stop', '-v --volumes'],
  run: ['--build', '--cap-add list', '--cap-drop list', '-d --detach', '--entrypoint string', '-e --env stringArray', '--env-from-file stringArray', '-i --interactive', '-l --label stringArray', '--name string', '-T --no-TTY', '--no-tty', '--no-deps', '-p --publish stringArray', '--pull string', '-q --quiet', '--quiet-build', '--quiet-pull', '--remove-orphans', '--rm', '-P --service-ports', '--use-aliases', '-u --user string', '-v --volume stringArray', '-w --workdir string'],
  scale: ['--no-deps'],
  start: ['--wait', '--wait-timeout int'],
  stats: ['-a --all', '--format string', '--no-stream', '--no-trunc'],
  stop: ['-t --timeout int'],
  top: [],
  unpause: [],
  up: ['--abort-on-container-exit', '--abort-on-container-failure', '--always-recreate-deps', '--attach stringArray', '--attach-dependencies', '--build', '-d --detach', '--exit-code-from string', '--force-recreate', '--menu', '--no-attach stringArray', '--no-build', '--no-color', '--no-deps', '--no-log-prefix', '--no-recreate', '--no-start', '--pull string', '--quiet-build', '--quiet-pull', '--remove-orphans', '-V --renew-anon-volumes', '--scale scale', '-t --timeout int', '--timestamps', '--wait', '--wait-timeout int', '-w --watch', '-y --yes'],
  version: ['-f --format string', '--short'],
  volumes: ['--format string', '-q --quiet'],
  wait: ['--down-project'],
  watch: ['--no-up', '--prune', '--quiet'],
};

/** A value that is right for a flag, where its kind has no obvious one. */
const VALUES: Readonly<Record<string, string>> = {
  '--tail': '5',   '--ansi': 'never', '--progress': 'plain', '--filter': 'status=running', 'ls --filter': 'name=shop', '--format': 'json', '--pull': 'missing', '--policy': 'always', '--rmi': 'local', '--scale': 'web=2', '--status': 'running', '--label': 'a=b', '--env': 'A=b',
  '--since': '1m', '--until': '1m', '--signal': 'TERM', '--detach-keys': 'ctrl-c', '--protocol': 'tcp', '--publish': '80:80', '--volume': '/a:/b',
};

/** Commands and flags of docker compose that do not do what they do there, and why; all others of the table do, or make no difference. */
const ABSENT: Readonly<Record<string, string>> = {
  'bridge': 'stacks are not turned into files of other programs', 'build': 'images are built elsewhere', 'publish': 'stacks are read from registries (oci://), not written there',
  '--compatibility': 'names of docker-compose 1', '--parallel': 'the engine bounds its work itself',
  'up --build': 'images are built elsewhere', 'create --build': 'likewise', 'run --build': 'likewise',
};

/** Lists that the references have commands of. */
const COMMANDS = ['attach', 'bridge', 'build', 'commit', 'config', 'convert', 'cp', 'create', 'down', 'events', 'exec', 'export', 'images', 'kill', 'logs', 'ls', 'pause', 'port', 'ps', 'publish', 'pull', 'push', 'restart', 'rm', 'run', 'scale', 'start', 'stats', 'stop', 'top', 'unpause', 'up', 'version', 'volumes', 'wait', 'watch'];

test.each(COMMANDS)('%s is there, or refused with what to do instead', async (command) => {
  const status = await cli.run(command, ...(ABSENT[command] === undefined ? ['--help'] : ['--push', 'x']));
  if (ABSENT[command] === undefined) expect([status, cli.out]).toEqual([0, expect.stringContaining(`Usage: bayplan ${command === 'convert' ? 'config' : command}`)]);
  else expect([status, cli.err]).toEqual([1, expect.stringMatching(new RegExp(`^bayplan: ${command}: .+\\n$`))]);
});

const all = Object.entries(FLAGS).flatMap(([command, flags]) => [...flags, ...(command === '' ? [] : ['--dry-run'])].map((flag): readonly [string, string] => [command, flag]));

test.each(all)('%s %s is known', async (command, flag) => {
  const words = flag.split(' ');
  const kind = words.at(-1)?.startsWith('-') === false ? words.pop() : undefined;
  for (const name of words) {
    const value = kind === undefined ? [] : [VALUES[`${command} ${words.at(-1) ?? ''}`] ?? VALUES[words.at(-1) ?? ''] ?? (kind === 'int' ? '1' : 'x')];
    // The line is refused for the last of its options alone, and nothing is done.
    const line = command === '' ? [name, ...value, '--no-such-flag'] : [command, name, ...value, '--no-such-flag'];
    expect(await cli.run(...line)).toBe(1);
    expect(cli.err.split('\n')[0]).toBe('bayplan: unknown option \'--no-such-flag\'');
  }
});

test.each([
  [['--compatibility', 'up'], '--compatibility: containers are named'],
  [['--all-resources', 'ps'], '--all-resources is for config, up, create and plan'],
  [['--ansi', 'sometimes', 'up'], 'Expected auto, never or always'],
  [['create', '--build'], '--build: service "web" would have to be built'],
  [['image', '--dry-run', 'ls'], '--dry-run: what "image" would do'],
  [['up', '--watch', '--detach'], '--watch is for the foreground: leave out --detach, --wait and --no-start'],
  [['-f', '-', 'watch'], '-f -: standard input cannot be followed'],
  [['--dry-run', 'apply', 'x'], '--dry-run: what "apply" would do cannot be shown'],
  [['run', '--build', 'web'], '--build: images cannot be built yet'],
  [['config', '--no-interpolate', '--lock-image-digests'], '--no-interpolate: what an image is called has to be known'],
])('%j is refused in one line', async (line, why) => {
  expect(await cli.run(...line)).toBe(1);
  expect(cli.err).toContain(why);
  expect(cli.err.split('\n')).toHaveLength(2);
  expect(cli.out).toBe('');
}, 30_000);

test('what changes nothing runs under --dry-run, and --parallel is told to make no difference', async () => {
  expect(await cli.run('--dry-run', 'config', '--services')).toBe(0);
  expect(cli.out).toBe('web\n');
  expect(await cli.run('--parallel', '4', '--ansi', 'never', '--all-resources', 'config', '--services')).toBe(0);
  expect([cli.out, cli.err]).toEqual(['web\n', 'warning: --parallel makes no difference: the engine bounds its work itself\n']);
  expect(await cli.run('version', '-f', 'json', '--short')).toBe(0);
});

test('config with nothing filled in and nothing normalized has the name that the file has, as docker compose does', async () => {
  const raw = ['config', '--no-interpolate', '--no-normalize'];
  cli.write('compose.yaml', 'services:\n  web:\n    image: nginx:$TAG\n');
  expect([await cli.run(...raw), cli.out]).toEqual([0, 'services:\n  web:\n    image: nginx:$TAG\n']);
  cli.write('compose.yaml', 'name: shop$X\nservices:\n  web:\n    image: a\n');
  expect([await cli.run(...raw), cli.out]).toEqual([0, expect.stringMatching(/^name: shop\$X\nservices:/)]);
  expect([await cli.run('config', '--no-interpolate'), cli.out]).toEqual([0, expect.stringMatching(/^name: shopx\n/)]);
});
