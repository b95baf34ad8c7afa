import { describe, expect, it } from 'vitest';
import { committedConfig, withChange } from '../../../src/runtime/image/commit-config.ts';
import { specOf } from '../container/container-spec.ts';

describe('the configuration of an image that is made from a container', () => {
  it('is the image\'s own, and what the container was told beside it', () => {
    const base = { Env: ['PATH=/bin', 'A=old'], Cmd: ['old'], Labels: { kept: '1' }, Volumes: { '/v': {} } };
    expect(committedConfig(base, specOf({ environment: { A: 'new', B: '2' }, command: ['new'], user: '5', labels: { own: '2' } }))).toMatchObject({
      Env: ['PATH=/bin', 'A=new', 'B=2'], Cmd: ['new'], User: '5', Labels: { kept: '1', own: '2' }, Volumes: { '/v': {} },
    });
    expect(committedConfig(base, specOf({ command: null }))).toMatchObject({ Cmd: ['old'] });
    expect(committedConfig(base, specOf({ entrypoint: ['init'], command: null }))).toMatchObject({ Entrypoint: ['init'], Cmd: null });
  });

  it.each([
    ['CMD ["a","b c"]', { Cmd: ['a', 'b c'] }],
    ['cmd a b', { Cmd: ['/bin/sh', '-c', 'a b'] }],
    ['ENTRYPOINT ["x"]', { Entrypoint: ['x'] }],
    ['ENV A=1 B="two words" C=\'3\'', { Env: ['A=1', 'B=two words', 'C=3'] }],
    ['ENV NAME the old form', { Env: ['NAME=the old form'] }],
    ['LABEL a.b=c d="e f"', { Labels: { 'a.b': 'c', d: 'e f' } }],
    ['EXPOSE 80 53/udp', { ExposedPorts: { '80/tcp': {}, '53/udp': {} } }],
    ['VOLUME ["/a","/b"]', { Volumes: { '/a': {}, '/b': {} } }],
    ['VOLUME /a /b', { Volumes: { '/a': {}, '/b': {} } }],
    ['USER me', { User: 'me' }],
    ['WORKDIR below', { WorkingDir: '/below' }],
    ['STOPSIGNAL SIGINT', { StopSignal: 'SIGINT' }],
    ['ONBUILD RUN x', { OnBuild: ['RUN x'] }],
  ])('takes %s', (line, expected) => {
    expect(withChange({}, line)).toEqual(expected);
  });

  it.each([['RUN true', /expected one of CMD/], ['CMD', /CMD needs a value/], ['ENV A', /expected NAME=VALUE/], ['EXPOSE all', /expected PORT/], ['', /expected one of/]])('refuses "%s"', (line, said) => {
    expect(() => withChange({}, line)).toThrow(said);
  });
});
