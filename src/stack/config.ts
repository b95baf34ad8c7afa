import { stackForms } from './config-forms.ts';
import { compareText, fields, printed, type Printed } from './form.ts';
import { jsonText } from './json-text.ts';
import type { Project } from './project.ts';
import { yamlText } from './yaml-text.ts';

/**
 * The canonical model as text, as `docker compose config --format json` prints it: long forms, full names, absolute paths, keys in its order, `$` as `$$` so
 * that it can be loaded again. JSON has no extensions but those at the top, and no models, as there.
 */
export function configJson(project: Project): string {
  const { models: _, ...forms } = stackForms;
  const model = fields(forms)(sections(project), 'json');
  const extensions = Object.entries(project.extensions).map(([key, value]): [string, Printed] => [key, withoutEmptyLists(printed(value))]);
  const entries = [...(model instanceof Map ? model : []), ...extensions].sort(([a], [b]) => compareText(a, b));
  return escaped(jsonText(new Map(entries)));
}

/** The model of a file whose variables are left alone, as JSON or YAML; nothing is escaped, for nothing was filled in. */
export function rawJson(model: unknown): string {
  return jsonText(printed(model));
}

export function rawYaml(model: unknown): string {
  return yamlText(printed(model, 'yaml'));
}

/** The same as data. */
export function configOf(project: Project): unknown {
  return JSON.parse(configJson(project));
}

/** The same as YAML. */
export function configYaml(project: Project): string {
  return escaped(yamlText(fields(stackForms)({ ...sections(project), ...project.extensions }, 'yaml') ?? new Map()));
}

/** Docker compose prints an empty list of an extension as null. */
function withoutEmptyLists(value: Printed): Printed {
  if (Array.isArray(value)) return value.length === 0 ? null : value.map(withoutEmptyLists);
  return value instanceof Map ? new Map([...value].map(([key, each]: [string, Printed]) => [key, withoutEmptyLists(each)])) : value;
}

function sections({ name, services, networks, volumes, secrets, configs, models }: Project): object {
  return { name, services, networks, volumes, secrets, configs, models };
}


function escaped(text: string): string {
  return text.replaceAll('$', '$$$$');
}
