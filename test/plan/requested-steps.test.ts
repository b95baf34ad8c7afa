import { describe, expect, it } from 'vitest';
import { stepLine } from '../../src/plan/print.ts';
import { requestedSteps, type ContainerRequest } from '../../src/plan/requested-steps.ts';
import { container } from '../api/fake-engine.ts';
import { attachment } from '../spec-values.ts';

const running = container(1, 'web');
const ended = container(1, 'web', { phase: 'exited', ports: [] });
const portless = { ...ended, spec: { ...ended.spec, ports: [] } };
const text = (of: typeof running, request: ContainerRequest): readonly string[] => requestedSteps('web', of, request).map((step) => `${stepLine(step)} after [${step.needs.join(', ')}]`);
const stop = { action: 'stop', signal: null, graceMs: 10 } as const;

describe('what a person asks of one container is a plan of a few steps', () => {
  it('start', () => {
    expect(text(ended, { action: 'start' })).toEqual(['start-container web  (its start was asked for) after []', 'publish-ports web  (its start was asked for) after [start-container web]']);
    expect(text(portless, { action: 'start' })).toEqual(['start-container web  (its start was asked for) after []']);
  });

  it('stop, also of one that does not run: it is to stay down', () => {
    expect(text(running, stop)).toEqual(['withdraw-ports web  (its stop was asked for) after []', 'stop-container web  (its stop was asked for) after [withdraw-ports web]']);
    expect(text(ended, stop)).toEqual(['stop-container web  (its stop was asked for) after []']);
    expect(requestedSteps('web', ended, { ...stop, signal: 'SIGINT' })[0]).toMatchObject({ args: { name: 'web', signal: 'SIGINT', graceMs: 10 } });
  });

  it('restart', () => {
    const why = '(its restart was asked for)';
    expect(text(running, { ...stop, action: 'restart' })).toEqual([
      `withdraw-ports web  ${why} after []`, `stop-container web  ${why} after [withdraw-ports web]`, `start-container web  ${why} after [stop-container web]`,
      `publish-ports web  ${why} after [start-container web]`,
    ]);
    expect(text(portless, { ...stop, action: 'restart' })).toEqual([`start-container web  ${why} after []`]);
  });

  it('restart of one that is removed at its end: that stop is none', () => {
    const stops = (of: typeof running, action: 'restart' | 'stop'): readonly unknown[] => requestedSteps('web', of, { ...stop, action }).filter(({ id }) => id === 'stop-container web').map(({ args }) => args);
    const passing = { ...running, spec: { ...running.spec, autoRemove: true } };
    expect(stops(passing, 'restart')).toEqual([{ name: 'web', signal: null, graceMs: 10, again: true }]);
    expect(stops(passing, 'stop')).toEqual([{ name: 'web', signal: null, graceMs: 10 }]);
    expect(stops(running, 'restart')).toEqual([{ name: 'web', signal: null, graceMs: 10 }]);
  });

  it('remove', () => {
    expect(text(running, { action: 'remove', volumes: true, ended: false })).toEqual(['withdraw-ports web  (its removal was asked for) after []', 'remove-container web  (its removal was asked for) after [withdraw-ports web]']);
    expect(requestedSteps('web', ended, { action: 'remove', volumes: true, ended: true })).toMatchObject([{ args: { name: 'web', volumes: true, ended: true } }]);
  });

  it('changes in place, and of its networks, after which its ports lead to where it is', () => {
    expect(text(running, { action: 'update', changes: { stopSignal: 'SIGINT' } })).toEqual(['update-container web  (its update was asked for) after []']);
    expect(text(running, { action: 'rename', to: 'site' })).toEqual(['rename-container web  (its renaming was asked for) after []']);
    expect(text(running, { action: 'connect', network: 'back', attachment: attachment() })).toEqual([
      'connect-network web back  (its connection was asked for) after []', 'publish-ports web  (its connection was asked for) after [connect-network web back]',
    ]);
    expect(text(portless, { action: 'disconnect', network: 'back' })).toEqual(['disconnect-network web back  (its disconnection was asked for) after []']);
    expect(requestedSteps('web', portless, { action: 'rename', to: 'site' })).toMatchObject([{ args: { name: 'web', to: 'site' } }]);
  });
});
