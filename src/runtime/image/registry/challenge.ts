/** What a registry asks for in `WWW-Authenticate` (RFC 9110, section 11.6.1). Scheme and names of parameters in lower case. */
export interface Challenge { readonly scheme: string; readonly parameters: Readonly<Record<string, string>> }

const TOKEN = String.raw`[!#$%&'*+.^_\`|~0-9A-Za-z-]+`;
const PARAMETER = new RegExp(String.raw`^(${TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|(${TOKEN}[/=]*))`);
const SCHEME = new RegExp(String.raw`^(${TOKEN})(?:\s+|$|(?=,))`);

/** All challenges of a header; what follows something that is none is left out. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let rest = header.trim();
  while (rest !== '') {
    const parameter = PARAMETER.exec(rest);
    const last = challenges.at(-1);
    const found = parameter !== null && last !== undefined ? parameter : SCHEME.exec(rest);
    if (found === null) break;
    if (found === parameter && last !== undefined) last.parameters[(found[1] ?? '').toLowerCase()] = found[3] ?? (found[2] ?? '').replace(/\\(.)/g, '$1');
    else challenges.push({ scheme: (found[1] ?? '').toLowerCase(), parameters: {} });
    rest = rest.slice(found[0].length).replace(/^[\s,]+/, '');
  }
  return challenges;
}
