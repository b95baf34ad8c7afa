import { describe, expect, it } from 'vitest';
import { capabilitiesOf } from '../../../src/runtime/container/capabilities.ts';

const of = (capAdd: string[], capDrop: string[]): readonly string[] => capabilitiesOf({ capAdd, capDrop, privileged: false });

describe('capabilitiesOf', () => {
  it('gives the 14 of Docker by default', () => {
    expect(of([], []).join(' ')).toBe(
      'CAP_AUDIT_WRITE CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_MKNOD CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_SETFCAP CAP_SETGID '
      + 'CAP_SETPCAP CAP_SETUID CAP_SYS_CHROOT',
    );
  });

  it('adds and drops names in any case, with or without CAP_', () => {
    expect(of(['net_admin', 'CAP_SYS_TIME'], ['cap_chown'])).toEqual(expect.arrayContaining(['CAP_NET_ADMIN', 'CAP_SYS_TIME']));
    expect(of([], ['cap_chown'])).not.toContain('CAP_CHOWN');
  });

  it('reads ALL as everything but what the other list names', () => {
    expect(of([], ['ALL'])).toEqual([]);
    expect(of(['CHOWN'], ['ALL'])).toEqual(['CAP_CHOWN']);
    expect(of(['ALL'], ['SYS_ADMIN'])).toHaveLength(40);
    expect(of(['ALL'], ['SYS_ADMIN'])).not.toContain('CAP_SYS_ADMIN');
  });

  it('refuses an unknown name and proposes the nearest', () => {
    expect(() => of(['NET_ADMN'], [])).toThrow('cap_add: unknown capability "NET_ADMN", did you mean NET_ADMIN?');
    expect(() => of([], ['WINGARDIUM'])).toThrow(/^cap_drop: unknown capability "WINGARDIUM"$/);
  });
});
