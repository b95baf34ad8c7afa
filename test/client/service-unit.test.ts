import { expect, it } from 'vitest';
import { unitName, unitPath, unitText } from '../../src/client/service-unit.ts';

it('each root has a service of its own', () => {
  expect(unitPath('/var/lib/bayplan')).toBe('/etc/systemd/system/bayplan.service');
  expect(unitName('/srv/other')).toMatch(/^bayplan-[0-9a-f]{8}\.service$/);
});

it('names with blanks, quotes and what systemd would replace reach the engine as they are', () => {
  const text = unitText('/srv/50% of "$HOME" \\ all', ['/opt/node', '/opt/my bayplan/bayplan.cjs']);
  const word = '"/srv/50%% of \\"$$HOME\\" \\\\ all"';
  expect(text).toContain(`\nRequiresMountsFor=${word.replace('$$', () => '$')}\n`); // where no variable is filled in
  expect(text).toContain(`\nExecStart=/opt/node "/opt/my bayplan/bayplan.cjs" --root ${word} engine run\n`);
  expect(text).toContain('\nDescription=bayplan engine of /srv/50%% of "$HOME" \\ all\n');
});

it('a name cannot say a setting of its own', () => {
  expect(() => unitText('/srv/a\nExecStartPre=/bin/false', ['/opt/node'])).toThrow(expect.objectContaining({ code: 'bad-root' }));
});

it('the machine\'s end ends containers; the service\'s leaves them', () => {
  const text = unitText('/var/lib/bayplan', ['node', 'bayplan']);
  expect(text).toContain(`\nExecStop=/bin/sh -c 'case $$(systemctl is-system-running) in stopping) exec "$$@";; esac' sh node bayplan --root /var/lib/bayplan engine stop --containers\n`);
  expect(text).toContain('\nKillMode=process\n');
  expect(text).toContain('\nTimeoutStartSec=infinity\n'); // else an engine that has many to adopt would be killed again and again
});
