// What editors show of the people at them. Each has its own form; a name and a colour are found wherever they usually stand. Believes nothing.

export interface Presence {
  client: number
  state: unknown
  node: string | null
}

const NAMES = ['name', 'userName', 'username', 'displayName']
const COLORS = ['color', 'colour', 'background']
const FALLBACK = ['#e16919', '#4465e9', '#099268', '#ae3ec9', '#e03131', '#1d8bc4', '#c2790a', '#d6336c']
const MAX_NAME = 60

export function who({ client, state }: Presence): { name: string; color: string } {
  const places = [state, ...['user', 'presence', 'cursor', 'pointer'].map((key) => part(state, key))]
  const name = first(places, NAMES, (text) => text.trim() !== '')
  const color = first(places, COLORS, (text) => /^#[0-9a-f]{3,8}$/i.test(text))
  return { name: (name ?? `Client ${client}`).slice(0, MAX_NAME), color: color ?? FALLBACK[client % FALLBACK.length]! }
}

const part = (value: unknown, key: string): unknown => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined)

function first(places: readonly unknown[], keys: readonly string[], good: (text: string) => boolean): string | null {
  for (const place of places) {
    for (const key of keys) {
      const value = part(place, key)
      const inner = typeof value === 'object' ? part(value, 'background') : value
      if (typeof inner === 'string' && good(inner)) return inner
    }
  }
  return null
}
