/** So many containers a stack can have: more than fit on a network's bridge, and few enough to be planned for. */
export const MOST_CONTAINERS = 10_000;
