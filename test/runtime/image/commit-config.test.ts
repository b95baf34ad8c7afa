import { describe, expect, it } from 'vitest';
import { CommitBody, instructionsOf } from '../../../src/api/commit-body.ts';
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

  it.each([
    ['ENV PATH=/usr/bin:$PATH', ['HOME=/r', 'PATH=/usr/bin:/bin']],
    ['ENV A=${HOME}/x B="$HOME y" C=\'$HOME\' D=\\$HOME E=${NO:-other} F=${HOME:+set}', ['HOME=/r', 'PATH=/bin', 'A=/r/x', 'B=/r y', 'C=$HOME', 'D=$HOME', 'E=other', 'F=set']],
    ['ENV A it is $HOME', ['HOME=/r', 'PATH=/bin', 'A=it is /r']],
  ])('has the image\'s variables in %s', (line, expected) => {
    expect(withChange({ Env: ['HOME=/r', 'PATH=/bin'] }, line).Env).toEqual(expected);
    expect(withChange({ Env: ['HOME=/r'] }, 'WORKDIR ${HOME}/work/')).toMatchObject({ WorkingDir: '/r/work' });
  });

  it('has those of a request\'s body as they are', () => {
    expect(instructionsOf(CommitBody.parse({ Env: ['A=$HOME'], User: '$HOME' })).reduce(withChange, { Env: ['HOME=/r'] })).toEqual({ Env: ['HOME=/r', 'A=$HOME'], User: '$HOME' });
  });

  it.each([['RUN true', /expected one of CMD/], ['CMD', /CMD needs a value/], ['ENV A', /expected NAME=VALUE/], ['EXPOSE all', /expected PORT/], ['', /expected one of/]])('refuses "%s"', (line, said) => {
    expect(() => withChange({}, line)).toThrow(said);
  });
});
