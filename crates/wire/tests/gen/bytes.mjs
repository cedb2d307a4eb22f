// The fixture's own byte format: numbers as in lib0, bytes and text with their length in front.

export class Writer {
  constructor () {
    this.chunks = []
  }

  number (n) {
    const bytes = []
    while (n > 127) {
      bytes.push(128 | (n % 128))
      n = Math.floor(n / 128)
    }
    bytes.push(n)
    this.chunks.push(Uint8Array.from(bytes))
  }

  blob (bytes) {
    this.number(bytes.length)
    this.chunks.push(bytes)
  }

  text (text) {
    this.blob(new TextEncoder().encode(text))
  }

  bytes () {
    return Buffer.concat(this.chunks)
  }
}

export class Reader {
  constructor (bytes) {
    this.all = bytes
    this.at = 0
  }

  number () {
    let n = 0
    let factor = 1
    for (;;) {
      const byte = this.all[this.at++]
      n += (byte & 127) * factor
      if (byte < 128) return n
      factor *= 128
    }
  }

  blob () {
    const length = this.number()
    this.at += length
    return Uint8Array.from(this.all.subarray(this.at - length, this.at))
  }

  list (read) {
    return Array.from({ length: this.number() }, () => read())
  }
}
