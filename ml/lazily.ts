/**
 * Gives an object a property that is computed when it is first read. To everybody else it is like any other: copies,
 * comparisons and JSON read it.
 */
export function lazily<T extends object, K extends keyof T>(object: T, key: K, compute: () => T[K]): T {
  let known: { readonly value: T[K] } | null = null;
  return Object.defineProperty(object, key, {
    enumerable: true,
    configurable: true,
    get: () => {
      known ??= { value: compute() };
      return known.value;
    },
  });
}
