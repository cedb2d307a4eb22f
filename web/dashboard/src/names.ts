// Names for new boards: two words that are easy to say, and a number against meeting somebody else's.

const KINDS = ['amber', 'brisk', 'calm', 'clear', 'coral', 'early', 'fern', 'gentle', 'golden', 'hazel', 'indigo', 'lucid', 'mellow', 'misty', 'quiet', 'rapid', 'silver', 'sunny', 'tidal', 'violet']
const THINGS = ['bay', 'brook', 'canvas', 'cedar', 'chalk', 'cloud', 'comet', 'delta', 'field', 'harbor', 'hill', 'lagoon', 'lantern', 'maple', 'meadow', 'orchard', 'pebble', 'river', 'sketch', 'studio']

export function newName(random: () => number = Math.random): string {
  const any = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!
  return `${any(KINDS)}-${any(THINGS)}-${100 + Math.floor(random() * 900)}`
}
