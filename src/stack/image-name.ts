const host = /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::\d+)?$/;
const part = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

/** Whether a text is an image reference by distribution's grammar: `[HOST/]NAME[:TAG][@sha256:DIGEST]`. */
export function isImageName(text: string): boolean {
  const parts = /^([^@]+?)(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/.exec(text);
  if (parts === null) return false;
  const [first = '', ...rest] = (parts[1] ?? '').split('/');
  // The first part is a host where it looks like one.
  const hosted = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  return (hosted ? host : part).test(first) && rest.every((each) => part.test(each));
}
