// JSON with sorted keys: two values are equal exactly if their canonical texts are. Knows no Yjs; what JSON does not carry
// (undefined, bytes) must be turned into something it does carry before.

/** The canonical JSON text of a value. */
export function canonical (value) {
  return JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner)
}
