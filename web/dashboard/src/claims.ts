// What a token says of whoever holds it, as far as the page needs that. Believes nothing: whether it is good the server decides.

export interface Claims {
  /** What the person is called. */
  name: string | null
  /** When it ends, in milliseconds since 1970. */
  ends: number | null
}

/** Of a name, as the server takes it; nor has it control characters. */
const MAX_NAME_BYTES = 128

export function claims(token: string): Claims {
  const said = read(token)
  const fits = (name: unknown): name is string => typeof name === 'string' && /^\P{Cc}+$/u.test(name) && new TextEncoder().encode(name).length <= MAX_NAME_BYTES
  return { name: [said.name, said.sub].find(fits) ?? null, ends: typeof said.exp === 'number' ? said.exp * 1000 : null }
}

function read(token: string): { [claim: string]: unknown } {
  try {
    const bytes = Uint8Array.from(atob(token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/')), (sign) => sign.charCodeAt(0))
    const said: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof said === 'object' && said !== null ? (said as { [claim: string]: unknown }) : {}
  } catch {
    return {}
  }
}
