/** A key of an image's ExposedPorts (`80/tcp`, `53`, `8000-8002/udp`) as single ports, `80/tcp`, its protocol in any case; null where it is none. */
export function exposedPorts(key: string): readonly string[] | null {
  const [, first = '', last = first, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(key.toLowerCase()) ?? [];
  const from = Number(first);
  const to = Number(last);
  if (from < 1 || to < from || to > 65_535) return null;
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol}`);
}
