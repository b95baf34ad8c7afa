import { describe, expect, test } from 'vitest';
import { loadText, mistakesOf } from './load-text.ts';

const at = (line: number, column: number, message: string): string => `/app/compose.yaml:${String(line)}:${String(column)}: ${message}`;
const web = (rest: string): string => `services:\n  web:\n    image: demo\n${rest}`;

describe('mistakes', () => {
  test('come all at once, each with its position', () => {
    const text = `services:
  web:
    imgae: demo
    ports: ["80:80", "x:1"]
    healthcheck: { interval: 10 }
    networks: [bck]
    depends_on: [dbb]
  db:
    image: db
    restart: sometimes
networks:
  back:
  front: { drivr: bridge }
`;
    expect(mistakesOf(text)).toEqual([
      at(2, 3, 'services.web: expected "image" or "build", got neither; say what it is made from, image: NAME'),
      at(3, 5, 'services.web: unknown key "imgae" in a service; did you mean "image"?'),
      at(4, 22, 'services.web.ports[1]: expected a host port from 1 to 65535, got "x"; write [IP:][HOST:]CONTAINER, such as "8080:80"'),
      at(5, 30, 'services.web.healthcheck.interval: expected a duration such as 1m30s, got the number 10; write 10s'),
      at(6, 16, 'services.web: network "bck" is not declared; did you mean "back"?'),
      at(7, 18, 'services.web: depends on service "dbb", which does not exist; did you mean "db"?'),
      at(10, 14, 'services.db.restart: expected "no", "always", "unless-stopped" or "on-failure[:N]", got "sometimes"'),
      at(13, 12, 'networks.front: unknown key "drivr" in a network; did you mean "driver"?'),
    ]);
  });

  test.each<[string, string, string[]]>([
    ['a duplicate key', 'services:\n  web:\n    image: a\n    image: b\n', [at(4, 5, 'key "image" is already there, at line 3; keep one')]],
    ['a tab', 'services:\n  web:\n\timage: a\n', [at(3, 1, 'expected spaces for indentation, got a tab; YAML takes no tabs there')]],
    ['more containers than a stack can have', web('    scale: 1000000000\n'), [at(4, 12, 'services.web.scale: expected at most 10000 containers in a stack, got 1000000000')]],
    ['more containers than a stack can have, of all services', `${web('    scale: 9999\n')}  db:\n    image: db\n    deploy: { replicas: 2 }\n  cache: { image: c }\n`, [at(7, 25, 'services.db.deploy.replicas: expected at most 10000 containers in a stack, got 10001')]],
    ['a NUL byte', 'services:\n  we\0b:\n', [at(2, 5, 'expected text, got a NUL byte')]],
    ['an escaped NUL byte', web('    command: ["a\\0b"]\n'), [at(4, 15, 'expected text, got a NUL byte')]],
    ['__proto__', 'services:\n  __proto__:\n    image: a\n', [at(2, 3, 'key "__proto__" cannot be used; choose another name')]],
    ['__proto__ in a list', web('    environment: [__proto__=1]\n'), [at(4, 19, 'services.web.environment: key "__proto__" cannot be used; choose another name')]],
    ['a number as key', web('    labels:\n      1: a\n'), [at(5, 7, 'expected a string as key, got the number 1; write "1"')]],
    ['an unknown alias', web('    labels: *nope\n'), []],
    ['a misspelt tag', web('    ports: !overide []\n'), [at(4, 21, 'unknown YAML tag !overide; did you mean "!override"?')]],
    ['a list at the top', '- a\n', [at(1, 1, 'expected a mapping at the top of a stack file, got a list; begin with "services:"')]],
    ['an empty file', '', ['/app/compose.yaml: expected a mapping with "services", got an empty file; begin with "services:"']],
    ['a number as text', web('    user: 1000\n'), [at(4, 11, 'services.web.user: expected a string, got the number 1000; write "1000"')]],
    ['an undeclared volume', web('    volumes: [dta:/x]\nvolumes:\n  data:\n'), [at(4, 15, 'services.web: volume "dta" is not declared; did you mean "data"?')]],
    ['a relative target', web('    volumes: ["data:x"]\nvolumes:\n  data:\n'), [at(4, 15, 'services.web.volumes[0]: expected an absolute path in the container as target, got "x"; write "/x"')]],
    ['a missing env file', web('    env_file: a.env\n'), [at(4, 5, 'services.web.env_file: file /app/a.env does not exist; create it, or say "required: false"')]],
    ['two namings', web('    container_name: w1\n    scale: 2\n'), [at(4, 5, 'services.web: a container_name can name one container, got 2 replicas; drop one of the two')]],
    ['contradicting limits', web('    mem_limit: 1m\n    deploy: { resources: { limits: { memory: 2m } } }\n'), [at(4, 5, 'services.web: "mem_limit" says 1048576 and deploy.resources.limits.memory says 2097152; keep one')]],
    ['network_mode and networks', web('    network_mode: host\n    networks: [default]\n'), [at(4, 5, 'services.web: expected one of "network_mode" and "networks", got both; take one out')]],
    ['a required variable', web('    user: ${WHO:?say who}\n'), [at(4, 11, 'required variable WHO is not set: say who')]],
    ['a malformed variable', web('    user: ${WHO\n'), [at(4, 11, 'expected ${NAME} with perhaps :-, -, :?, ?, :+ or + and a closing brace, got "${WHO"; write "$$" for a dollar sign')]],
    ['an empty name in a mapping', web('    environment: { "": a }\n    labels: { "": b }\n'), [at(4, 24, 'services.web.environment: expected a name as key, got ""; write KEY: value'), at(5, 19, 'services.web.labels: expected a name as key, got ""; write KEY: value')]],
    ['a fraction as port', web('    ports: [{ target: 80, published: 1.5 }]\n'), [at(4, 38, 'services.web.ports[0].published: expected a string, got the number 1.5; write "1.5"')]],
    ['a mode as text', web('    volumes: [{ type: tmpfs, target: /x, tmpfs: { mode: "1777" } }]\n'), [at(4, 57, 'services.web.volumes[0].tmpfs.mode: expected an octal mode such as 0444, without quotes, got "1777"')]],
    ['another YAML', `%YAML 1.2\n---\n${web('')}`, [at(1, 1, 'expected %YAML 1.1, got 1.2; take the line out')]],
    ['an unknown directive', `%YAML 1.1\n%FOO bar\n---\n${web('')}`, [at(2, 1, 'expected %YAML or %TAG, got another directive; take the line out')]],
    ['a misspelt condition', web('    depends_on: { web: { condition: service_helthy } }\n'), [at(4, 37, 'services.web.depends_on.web.condition: expected one of "service_started", "service_healthy", "service_completed_successfully", got "service_helthy"; did you mean "service_healthy"?')]],
    ['merging a scalar', 'x-a: &a 1\nservices:\n  web:\n    <<: *a\n    image: b\n', [at(4, 5, 'expected a mapping or a list of mappings to merge with "<<", got the number 1; the anchor has to stand at a mapping')]],
    ['an alias in its own anchor', 'x-a: &a\n  b: *a\nservices: {}\n', [at(2, 6, 'alias "*a" stands inside its own anchor')]],
    ['an invalid name', 'name: "!"\nservices: {}\n', [at(1, 7, 'name: expected a project name of lower-case letters, digits, "_" and "-" that starts with a letter or digit, got "!"')]],
    ['a mistyped healthcheck', web('    healthcheck: { test: [curl, x] }\n'), [at(4, 26, 'services.web.healthcheck.test: expected "CMD", "CMD-SHELL" or "NONE" as the first word, got "curl"; write ["CMD", "curl", "x"]')]],
    ['a misspelt capability', web('    cap_add: [CAP_NET_ADMN]\n'), [at(4, 15, 'services.web.cap_add[0]: expected a capability such as NET_ADMIN, got "CAP_NET_ADMN"; did you mean "NET_ADMIN"?')]],
    ['a signal like no other', web('    stop_signal: SIGFOO\n'), [at(4, 18, 'services.web.stop_signal: expected a signal such as SIGTERM, got "SIGFOO"')]],
    ['a misspelt signal', web('    stop_signal: SIGTREM\n'), [at(4, 18, 'services.web.stop_signal: expected a signal such as SIGTERM, got "SIGTREM"; did you mean "SIGTERM"?')]],
    ['a real-time signal past the last', web('    stop_signal: SIGRTMIN+31\n'), [at(4, 18, 'services.web.stop_signal: expected a signal such as SIGTERM, got "SIGRTMIN+31"')]],
    ['a boolean restart', web('    restart: false\n'), [at(4, 14, 'services.web.restart: expected "no", "always", "unless-stopped" or "on-failure[:N]", got the boolean false; write "no"')]],
    ['a wrong host entry', web('    extra_hosts: ["h=1.2.3.4", "x"]\n'), [at(4, 32, 'services.web.extra_hosts: expected HOST=ADDRESS, got "x"; write "x=ADDRESS"')]],
    ['a relative working folder', web('    working_dir: app\n'), [at(4, 18, 'services.web.working_dir: expected an absolute path, got "app"; write "/app"')]],
    ['wrong addresses', web('    networks: { n: { ipv4_address: 10.0.0.256 } }\nnetworks: { n: { ipam: { config: [{ subnet: 10.0.0.0/33 }] } } }\n'), [
      at(4, 36, 'services.web.networks.n.ipv4_address: expected an IPv4 address, got "10.0.0.256"'), at(5, 45, 'networks.n.ipam.config[0].subnet: expected a subnet such as 10.9.0.0/24, got "10.0.0.0/33"')]],
    ['a malformed image', 'services:\n  web:\n    image: "Bad Image:tag:tag"\n', [at(3, 12, 'services.web.image: expected an image such as nginx:1.27 ([HOST/]NAME[:TAG][@sha256:DIGEST], the name in lower case), got "Bad Image:tag:tag"')]],
    ['a tmpfs of no size', web('    tmpfs: /x:size=zz\n'), [at(4, 5, 'services.web.tmpfs[0]: expected a size such as 64m, got "zz"')]],
    ['a tmpfs with an option that there is not', web('    tmpfs: ["/y:size=50%,uid=7,noexec", "/x:bogus"]\n'), [at(4, 41, 'services.web.tmpfs[1]: expected an option of a tmpfs such as size=64m, mode=1777, uid=1000, noexec or ro, got "bogus"')]],
    ['a tmpfs of a user by name', web('    tmpfs: ["/x:uid=app"]\n'), [at(4, 13, 'services.web.tmpfs[0]: expected a number as uid, got "app"')]],
    ['a tmpfs of no mode', web('    tmpfs: ["/y:size=50%", "/x:noexec,mode=rw"]\n'), [at(4, 28, 'services.web.tmpfs[1]: expected an octal mode such as 1777, got "rw"')]],
    ['a long host name', web(`    hostname: ${'a'.repeat(64)}\n`), [at(4, 15, `services.web.hostname: expected a host name of at most 63 letters, digits, "-", "_" and ".", got "${'a'.repeat(57)}..."`)]],
    ['a host name of other characters', web('    hostname: my host\n'), [at(4, 15, 'services.web.hostname: expected a host name of at most 63 letters, digits, "-", "_" and ".", got "my host"')]],
    ['a secret from nowhere', `${web('')}secrets:\n  s: { external: false }\n`, [at(5, 3, 'secrets.s: expected "file" or "environment" that says something')]],
    ['a config of no name', web('    configs: [{ target: /x }]\n'), [at(4, 15, 'services.web: expected "source", the name of a config, got none; add source:')]],
    ['a key of a service at the left margin', `${web('')}deploy: { replicas: 2 }\n`, [at(4, 1, 'unknown key "deploy" in a stack file; it belongs below "services.NAME"')]],
    ['a host port of two services', web('    ports: ["90", "8080:80"]\n  b:\n    image: b\n    ports: ["127.0.0.1:8080:81"]\n'), [at(7, 13, 'services.b.ports: service "web" already publishes host port 8080/tcp; choose another host port, or another address')]],
    ['a host port out of a range', web('    ports: ["127.0.0.1:8000-8002:80-82"]\n    scale: 2\n  b:\n    image: b\n    ports:\n      - { target: 1, published: "8001" }\n'), [at(9, 9, 'services.b.ports: service "web" already publishes host port 8001/tcp on 127.0.0.1; choose another host port, or another address')]],
    ['a host port twice', web('    ports: ["1:80", "1:81"]\n'), [at(4, 21, 'services.web.ports: this service already publishes host port 1/tcp; choose another host port, or another address')]],
    ['a host port in both families', web('    ports: ["0.0.0.0:80:80", "[::]:80:80", "[0::0]:80:81"]\n'), [at(4, 44, 'services.web.ports: this service already publishes host port 80/tcp on ::; choose another host port, or another address')]],
    ['an unclosed quote', web('    command: sh -c "x\n'), [at(4, 14, 'services.web.command: expected a command with its quotes closed, got "sh -c \\"x"')]],
  ])('%s', (name, text, expected) => {
    const found = mistakesOf(text);
    if (expected.length > 0) expect(found).toEqual(expected);
    else expect(found.length, name).toBeGreaterThan(0);
  });

  test.each([
    ['ports on two addresses', '["127.0.0.1:80:80"]', '["127.0.0.2:80:80"]'], ['two protocols', '["53:53/udp"]', '["53:53"]'],
    ['any host port', '["80"]', '["80"]'], ['ranges to pick from', '["8000-8010:80"]', '["8000-8010:80"]'],
  ])('are none: %s', (_, first, second) => {
    expect(mistakesOf(`services:\n  a: { image: a, ports: ${first}, scale: 2 }\n  b: { image: b, ports: ${second} }\n`)).toEqual([]);
  });

  test.each([
    'nginx', 'nginx:1.27', 'library/nginx', 'localhost/a', 'localhost:5000/a/b:T_1', 'ghcr.io/a-b/c__d.e', `a@sha256:${'0'.repeat(64)}`, `a:1@sha256:${'0'.repeat(64)}`, 'Host/a', '[::1]:5000/a',
  ])('are none: image %s', (image) => { expect(mistakesOf(`services:\n  a: { image: "${image}" }\n`)).toEqual([]); });

  test.each(['Nginx', 'a:', 'a b', 'a//b', 'a:1:2', '-a', 'a@sha256:12', 'a/B', 'a:t/b'])('are found: image %s', (image) => {
    expect(mistakesOf(`services:\n  a: { image: "${image}" }\n`)).toHaveLength(1);
  });

  test('name a cycle', () => {
    const text = 'services:\n  a: { image: x, depends_on: [b] }\n  b: { image: x, depends_on: [c] }\n  c: { image: x, depends_on: [a] }\n';
    expect(mistakesOf(text)).toEqual([at(4, 31, 'services depend on each other in a cycle: a → b → c → a; take one of the dependencies out')]);
    expect(mistakesOf(web('    depends_on: [web]\n'))).toEqual([at(4, 18, 'services depend on each other in a cycle: web → web; take one of the dependencies out')]);
  });

  test('stop a billion laughs before they are read', () => {
    const levels = Array.from({ length: 12 }, (_, index) => `x-${String(index + 1)}: &l${String(index + 1)} [${Array.from({ length: 10 }, () => `*l${String(index)}`).join(', ')}]`);
    const started = process.cpuUsage();
    expect(mistakesOf(`x-0: &l0 [a]\n${levels.join('\n')}\nservices: {}\n`)[0]).toContain('aliases stand for more than 200000 values');
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(2000); // ms
  });

  test('a file nested without end is one line', () => {
    for (const depth of [300, 3_000, 50_000]) {
      for (const [open, close] of [['[', ']'], ['{ a: ', '}']] as const) {
        const found = mistakesOf(`services: ${open.repeat(depth)}1${close.repeat(depth)}`);
        expect(found).toEqual([expect.stringMatching(/: nested too deeply to be a stack file$/)]);
      }
    }
  });

  test('carry the line they stand on', () => {
    expect(loadText(web('    prots: []\n')).mistakes[0]?.excerpt).toBe('    prots: []');
  });

  test('a wrong key in an anchor counts once, where it was written', () => {
    expect(mistakesOf('x-base: &base\n  imgae: x\n  image: y\nservices:\n  a: { <<: *base }\n')).toEqual([at(2, 3, 'services.a: unknown key "imgae" in a service; did you mean "image"?')]);
  });
});
