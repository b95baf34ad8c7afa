/** Docker's filters: name → values. */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** As the Engine API takes them in a query. */
export function filtersQuery(filters: Filters): string {
  return new URLSearchParams({ filters: JSON.stringify(filters) }).toString();
}
