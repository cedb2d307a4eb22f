// Random numbers from a seed (mulberry32): the same seed, the same choices. Never used for anything but tests.

export class Random {
  #state

  constructor (seed) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). */
  next () {
    this.#state = (this.#state + 0x6D2B79F5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number in [0, below). */
  below (below) { return Math.floor(this.next() * below) }
  chance (probability) { return this.next() < probability }
  pick (list) { return list[this.below(list.length)] }
}
