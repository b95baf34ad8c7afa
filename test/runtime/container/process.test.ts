import { describe, expect, it } from 'vitest';
import { argumentsOf, environmentOf, execProcess, initProcess, userAnnotations } from '../../../src/runtime/container/process.ts';
import { imageOf, specOf } from './container-spec.ts';

describe('argumentsOf', () => {
  const image = imageOf({ entrypoint: ['/entry'], command: ['serve', '-v'] });
  it.each([
    ['the image alone', specOf(), ['/entry', 'serve', '-v']],
    ['a command replaces the image\'s', specOf({ command: ['ls'] }), ['/entry', 'ls']],
    ['an entrypoint drops the image\'s command', specOf({ entrypoint: ['/mine'] }), ['/mine']],
    ['both', specOf({ entrypoint: ['/mine'], command: ['x'] }), ['/mine', 'x']],
    ['an empty command leaves the image\'s entrypoint alone', specOf({ command: [] }), ['/entry']],
    ['an empty entrypoint leaves the command', specOf({ entrypoint: [], command: ['x'] }), ['x']],
  ])('%s', (_, spec, expected) => expect(argumentsOf(spec, image)).toEqual(expected));

  it('runs the image\'s command where an empty one would leave nothing', () => {
    expect(argumentsOf(specOf({ command: [] }), imageOf({ command: ['serve'] }))).toEqual(['serve']);
  });

  it('refuses a container with nothing to run', () => {
    expect(() => argumentsOf(specOf({ entrypoint: [] }), image)).toThrow('image demo names no command to run: set command or entrypoint');
  });
});

describe('environmentOf', () => {
  it('puts the spec over the image over the defaults', () => {
    const image = imageOf({ environment: ['PATH=/opt', 'A=image', 'B=a=b', 'nonsense'] });
    expect(environmentOf(specOf({ environment: { A: 'spec', C: '' } }), image, 'h')).toEqual(['PATH=/opt', 'HOSTNAME=h', 'A=spec', 'B=a=b', 'C=']);
  });
});

describe('initProcess', () => {
  it('has a terminal, of the size that is known, where the spec asks for one', () => {
    expect(initProcess(specOf({ tty: true }), imageOf(), 'h')).toMatchObject({ terminal: true, env: expect.arrayContaining(['TERM=xterm']) });
    expect(initProcess(specOf({ tty: true }), imageOf(), 'h', { size: { width: 80, height: 24 } })).toMatchObject({ consoleSize: { width: 80, height: 24 } });
    expect(initProcess(specOf(), imageOf(), 'h', { size: { width: 80, height: 24 } })).not.toHaveProperty('consoleSize');
  });
  it('makes a relative working directory absolute', () => {
    expect(initProcess(specOf({ workingDir: 'srv' }), imageOf({ workingDir: '/x' }), 'h').cwd).toBe('/srv');
    expect(initProcess(specOf(), imageOf({ workingDir: '/x' }), 'h').cwd).toBe('/x');
  });
});

describe('userAnnotations', () => {
  it('prefers the request, then the spec, then the image, then root', () => {
    const image = imageOf({ user: 'image' });
    expect(userAnnotations(specOf({ user: 'app:web', groupAdd: ['audio', '44'] }), image)).toEqual({ 'io.bayplan.user': 'app:web', 'io.bayplan.groups': 'audio,44' });
    expect(userAnnotations(specOf({ user: 'app' }), image, 'root')['io.bayplan.user']).toBe('root');
    expect(userAnnotations(specOf(), image)['io.bayplan.user']).toBe('image');
    expect(userAnnotations(specOf(), imageOf())['io.bayplan.user']).toBe('0');
  });
});

describe('execProcess', () => {
  it('runs the command in the container\'s environment, with its own on top', () => {
    const process = execProcess(specOf({ environment: { A: '1' }, hostname: 'web' }), imageOf(),
      { command: ['ls'], environment: ['A=2'], user: 'app', workingDir: '/tmp', tty: false });
    expect(process).toMatchObject({ args: ['ls'], cwd: '/tmp', annotations: { 'io.bayplan.user': 'app' } });
    expect(process.env).toContain('A=2');
    expect(process.env).toContain('HOSTNAME=web');
  });
});
