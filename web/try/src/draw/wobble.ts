// Makes an outline look drawn by hand: twice around, corners a little off and rounded. What chance decides is drawn from the
// shape's id, so everybody sees the same lines, and our pictures and tldraw draw the very same.

import type { Command, SubPath } from '../geometry/outline'
import { add, distance, dot, sub, times, unit, type Point } from '../geometry/vec'

/** A xorshift generator seeded with a text; gives numbers from -1 up to 1. */
export function chance(seed: string): () => number {
  let [x, y, z, w] = [0, 0, 0, 0]
  const next = () => {
    const t = x ^ (x << 11)
    ;[x, y, z] = [y, z, w]
    w ^= (w >>> 19) ^ t ^ (t >>> 8)
    return (w | 0) / 2 ** 31
  }
  for (let k = 0; k < seed.length + 64; k++) {
    x ^= k < seed.length ? seed.charCodeAt(k) : 0
    next()
  }
  return next
}

/** `width` is that of the line, px. */
export function drawn(paths: readonly SubPath[], id: string, width: number): string {
  return [0, 1].map((pass) => pathOf(paths, { seed: `${id}${pass}`, limit: width / 3, round: 2 * width })).join(' ')
}

/** The same rounded corners without anything off: the fill beneath such a line. */
export function rounded(paths: readonly SubPath[], width: number): string {
  return pathOf(paths.filter(({ filled }) => filled), { seed: '', limit: 0, round: 2 * width })
}

export function exact(paths: readonly SubPath[]): string {
  return paths
    .flatMap(({ commands }) => commands)
    .map((command) => {
      if (command.kind === 'move') return `M ${pair(command.to)}`
      if (command.kind === 'curve') return `C ${pair(command.c1)} ${pair(command.c2)} ${pair(command.to)}${command.closing ? ' Z' : ''}`
      return command.closing ? 'Z' : `L ${pair(command.to)}`
    })
    .join(' ')
}

export const pair = ({ x, y }: Point): string => `${digits(x)} ${digits(y)}`
export const digits = (value: number): number => Math.floor(value * 1e4 + 0.5) / 1e4

interface Hand {
  seed: string
  limit: number
  round: number
}

interface Run {
  length: number
  /** Both of a line point backwards; a curve's start points ahead. */
  start: Point
  end: Point
}

function pathOf(paths: readonly SubPath[], hand: Hand): string {
  const random = chance(hand.seed)
  return paths.map(({ commands }) => subPath(commands, hand, random).join(' ')).join(' ')
}

function subPath(commands: readonly Command[], { limit, round }: Hand, random: () => number): string[] {
  const closes = commands.some((command) => command.kind !== 'move' && command.closing)
  const runs = commands.map((command, i) => (i ? run(commands[i - 1]!.to, command) : null))
  const after = (i: number): number | null => (i + 1 < commands.length ? i + 1 : closes ? 1 : null)

  const corners = commands.map((command, i) => {
    const nextAt = after(i)
    const [own, next] = [runs[i] ?? null, nextAt === null ? null : runs[nextAt]!]
    let r = 0
    if (command.kind !== 'curve' && nextAt !== null && commands[nextAt]!.kind === 'line' && own && next) {
      const [a, b] = [dot(own.end, own.end), dot(next.start, next.start)]
      if (a > 0.01 && b > 0.01) {
        const angle = Math.acos(Math.max(-1, Math.min(1, dot(own.end, next.start) / Math.sqrt(a * b))))
        r = Math.max(0, Math.min(round, round - ((angle - Math.PI / 2) / (Math.PI / 2)) * round))
      }
    }
    const shortest = Math.min(own?.length ?? Infinity, next?.length ?? Infinity)
    const off = Math.max(0, Math.min(command.limit ?? limit, (shortest - 2 * r) / 4))
    return { off, before: Math.min(r, (own?.length ?? Infinity) / 4), after: Math.min(r, (next?.length ?? Infinity) / 4) }
  })
  const closing = commands.findIndex((command) => command.kind !== 'move' && command.closing)
  if (closing >= 0) corners[0]!.after = corners[closing]!.after

  let first: Point = { x: 0, y: 0 }
  return commands.map((command, i) => {
    const { off, before, after: past } = corners[i]!
    let shift = first
    if (i !== closing) {
      const [r1, r2, r3] = [random(), random(), random()]
      shift = times(unit({ x: r1, y: r2 }), Math.sqrt(Math.abs(r3)) * off)
      if (i === 0) first = shift
    }
    const q = add(command.to, shift)
    const nextAt = after(i)
    const [back, ahead] = [runs[i]?.end, nextAt === null ? undefined : runs[nextAt]!.start]
    const entry = back && before > 0 ? add(q, times(back, before)) : null
    const exit = ahead && past > 0 ? sub(q, times(ahead, past)) : null
    if (command.kind === 'move') return `M ${pair(exit ?? q)}`
    if (command.kind === 'curve') {
      const end = entry && exit ? q : (exit ?? q)
      return `C ${pair(add(command.c1, shift))} ${pair(add(command.c2, shift))} ${pair(end)}`
    }
    return entry && exit ? `L ${pair(entry)} Q ${pair(q)} ${pair(exit)}` : `L ${pair(exit ?? q)}`
  })
}

function run(from: Point, command: Command): Run {
  if (command.kind !== 'curve') {
    const back = unit(sub(from, command.to))
    return { length: distance(from, command.to), start: back, end: back }
  }
  // The polygon of the controls is at most a little longer than the curve, and only ever compared.
  const { c1, c2, to } = command
  const length = (distance(from, to) + distance(from, c1) + distance(c1, c2) + distance(c2, to)) / 2
  return { length, start: unit(sub(c1, from)), end: unit(sub(c2, to)) }
}
