import { goTemplate, type TemplateValue } from './go-template.ts';
import { table } from './table.ts';

export interface ListFormat {
  /** Titles of fields that are not called after them: `CreatedAt` is CREATED AT by itself. */
  readonly titles?: Readonly<Record<string, string>>;
  /** The labels of each record, for `.Label "KEY"`. */
  readonly labels?: readonly Readonly<Record<string, string>>[];
}

/** What a list prints beside its table: records, a line each as JSON, or by a template, with `table TEMPLATE` below a head. */
export function formatted(format: string, records: readonly object[], { titles = {}, labels }: ListFormat = {}): string {
  if (format === 'json') return records.map((record) => `${JSON.stringify(record)}\n`).join('');
  const isTable = /^table\s/.test(format);
  const source = (isTable ? format.slice('table '.length).trim() : format).replaceAll('\\t', '\t').replaceAll('\\n', '\n');
  const line = goTemplate(source);
  const values = records.map((record, at) => ({ ...fieldsOf(record), ...(labels === undefined ? {} : { Label: (key: TemplateValue) => labels[at]?.[String(key)] ?? '' }) }));
  if (!isTable) return values.map((value) => `${line(value)}\n`).join('');
  const named = [...Object.keys(values[0] ?? {}), ...[...source.matchAll(/\.([A-Z]\w*)/g)].map(([, field = '']) => field)].filter((field) => field !== 'Label' && (values.length === 0 || values.some((value) => field in value)));
  const head = { ...Object.fromEntries(named.map((field) => [field, titles[field] ?? title(field)])), ...(labels === undefined ? {} : { Label: (key: TemplateValue) => String(key) }) };
  const [first = [], ...rows] = [head, ...values].map((value) => line(value).split('\t'));
  return table(first, rows);
}

function title(field: string): string {
  return field.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toUpperCase();
}

function fieldsOf(record: object): Readonly<Record<string, TemplateValue>> {
  return Object.fromEntries(Object.entries(record).map(([field, value]) => [field, valueOf(value)]));
}

function valueOf(value: unknown): TemplateValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (Array.isArray(value)) return value.map(valueOf);
  return typeof value === 'object' ? fieldsOf(value) : undefined;
}
