// What this browser remembers for the next time. Where it may remember nothing, nothing is remembered and all else works.

export function recall(key: string, of: 'browser' | 'window' = 'browser'): string | null {
  try {
    return (of === 'browser' ? localStorage : sessionStorage).getItem(`scrible-${key}`)
  } catch {
    return null
  }
}

export function keep(key: string, value: string, of: 'browser' | 'window' = 'browser'): void {
  try {
    const storage = of === 'browser' ? localStorage : sessionStorage
    storage.setItem(`scrible-${key}`, value)
  } catch {
    // Storage is switched off or full; the page works without.
  }
}

export function forget(key: string, of: 'browser' | 'window' = 'browser'): void {
  try {
    const storage = of === 'browser' ? localStorage : sessionStorage
    storage.removeItem(`scrible-${key}`)
  } catch {
    // Nothing was kept, either.
  }
}

/** An object that was kept as JSON; an empty one where there is none or it is broken. */
export function recallObject(key: string, of: 'browser' | 'window' = 'browser'): { [name: string]: unknown } {
  try {
    const value: unknown = JSON.parse(recall(key, of) ?? '{}')
    return typeof value === 'object' && value !== null ? (value as { [name: string]: unknown }) : {}
  } catch {
    return {}
  }
}
