/** Why a template cannot be filled in: it is malformed, or a variable it requires is missing. */
export interface TemplateProblem {
  readonly message: string;
}

export interface TemplateResult {
  readonly text: string;
  readonly problem: TemplateProblem | null;
}

/** The value of a variable; undefined where it is not set. */
export interface Lookup { (name: string): string | undefined }

const variable = /[_a-zA-Z][_a-zA-Z0-9]*/y;

/**
 * Fills in `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`, `${V?e}`, `${V:+r}`, `${V+r}` (nested to any depth) and `$$` as the
 * Compose Specification says (12-interpolation). A plain variable that is not set gives '' and is told to `unset`.
 */
export function fillTemplate(template: string, lookup: Lookup, unset: (name: string) => void): TemplateResult {
  return fill(template, lookup, unset, 0);
}

/** How deep variables may stand in each other's defaults. */
const deepest = 50;

function fill(template: string, lookup: Lookup, unset: (name: string) => void, depth: number): TemplateResult {
  if (!template.includes('$')) return { text: template, problem: null };
  if (depth > deepest) return { text: '', problem: { message: `variables stand in each other more than ${String(deepest)} deep` } };
  let text = '';
  let at = 0;
  for (;;) {
    const dollar = template.indexOf('$', at);
    if (dollar < 0) return { text: text + template.slice(at), problem: null };
    text += template.slice(at, dollar);
    const next = template[dollar + 1];
    if (next === '$') {
      text += '$';
      at = dollar + 2;
      continue;
    }
    const braced = next === '{';
    variable.lastIndex = dollar + (braced ? 2 : 1);
    const name = variable.exec(template)?.[0];
    const end = braced ? closingBrace(template, dollar + 2) : dollar + 1 + (name?.length ?? 0);
    // docker compose takes a lone dollar sign as one.
    if (name === undefined && !braced) {
      text += '$';
      at = dollar + 1;
      continue;
    }
    if (name === undefined || end < 0) return { text, problem: { message: invalid(template) } };
    const filled = braced ? expression(name, template.slice(dollar + 2 + name.length, end), lookup, unset, depth) : { text: value(name, lookup, unset), problem: null };
    if (filled === null) return { text, problem: { message: invalid(template) } };
    if (filled.problem !== null) return { text, problem: filled.problem };
    text += filled.text;
    at = braced ? end + 1 : end;
  }
}

/** What stands after the name inside `${…}`; null: malformed. */
function expression(name: string, rest: string, lookup: Lookup, unset: (name: string) => void, depth: number): TemplateResult | null {
  if (rest === '') return { text: value(name, lookup, unset), problem: null };
  const parts = /^(:?)([-?+])([\s\S]*)$/.exec(rest);
  if (parts === null) return null;
  const [, colon, operator, word = ''] = parts;
  const current = lookup(name);
  const present = current !== undefined && !(colon === ':' && current === '');
  // docker compose fills in the word also where it is not taken, and refuses what is wrong in it.
  const taken = present === (operator === '+');
  const filled = fill(word, lookup, taken ? unset : () => undefined, depth + 1);
  if (!taken && filled.problem !== null) return filled;
  if (operator === '+') return present ? filled : { text: '', problem: null };
  if (present) return { text: current, problem: null };
  if (operator === '-' || filled.problem !== null) return filled;
  const state = current === undefined ? 'is not set' : 'is empty';
  return { text: '', problem: { message: `required variable ${name} ${state}${filled.text === '' ? '' : `: ${filled.text}`}` } };
}

function value(name: string, lookup: Lookup, unset: (name: string) => void): string {
  const found = lookup(name);
  if (found === undefined) unset(name);
  return found ?? '';
}

function closingBrace(template: string, from: number): number {
  let depth = 1;
  for (let at = from; at < template.length; at++) {
    if (template[at] === '{') depth++;
    else if (template[at] === '}' && --depth === 0) return at;
  }
  return -1;
}

function invalid(template: string): string {
  const shown = template.length > 60 ? `${template.slice(0, 57)}...` : template;
  return `expected \${NAME} with perhaps :-, -, :?, ?, :+ or + and a closing brace, got ${JSON.stringify(shown)}; write "$$" for a dollar sign`;
}
