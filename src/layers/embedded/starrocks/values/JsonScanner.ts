/**
 * A scanner over the bytes of JSON objects. It checks what it reads completely (escapes, control characters, numbers,
 * nesting), keeps number tokens as text, and knows the difference between a wrong byte and a missing one, because the
 * bytes of a body arrive in slices.
 */
import { ValueKind } from "./ValueKind.ts"

/** How a scan ended. */
export const Scan = { ok: 0, more: 1, bad: 2 } as const

/** Nesting a document may have; deeper ones are refused before they exhaust the stack. */
const nestingDepthMax = 256

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a

const literals = {
  [ValueKind.true]: Buffer.from("true"),
  [ValueKind.false]: Buffer.from("false"),
  [ValueKind.null]: Buffer.from("null")
}

/** Receives the members of the scanned object. `escaped` says that the key's bytes contain a backslash. */
export interface Members {
  readonly member: (scanner: JsonScanner, keyStart: number, keyEnd: number, escaped: boolean) => void
}

/** Scans one object after the other. After a value was read, `kind`, `start`, `end` and `escaped` describe it. */
export class JsonScanner {
  bytes: Buffer = Buffer.alloc(0)
  limit = 0
  at = 0
  kind = 0
  /** Offsets of the value; of a string without its quotes. */
  start = 0
  end = 0
  escaped = false
  /** Whether every byte is ASCII, which makes text much cheaper to cut out. */
  ascii = false

  reset(bytes: Buffer, ascii: boolean): void {
    this.bytes = bytes
    this.limit = bytes.length
    this.at = 0
    this.ascii = ascii
  }

  /** Skips white space; false when the bytes end there. */
  space(): boolean {
    const { bytes, limit } = this
    let at = this.at
    while (at < limit) {
      const byte = bytes[at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
      at += 1
    }
    this.at = at
    return at < limit
  }

  /** The text of the value that was read; undefined when a string's escapes do not make well-formed text. */
  text(): string | undefined {
    return this.kind === ValueKind.string ? this.slice(this.start, this.end, this.escaped) : this.raw()
  }

  private raw(): string {
    return this.ascii || this.kind === ValueKind.number
      ? this.bytes.toString("latin1", this.start, this.end)
      : this.bytes.toString("utf8", this.start, this.end)
  }

  /** The text between two quotes. */
  slice(start: number, end: number, escaped: boolean): string | undefined {
    const text = this.bytes.toString(this.ascii ? "latin1" : "utf8", start, end)
    if (!escaped) return text
    try {
      const decoded: unknown = JSON.parse(`"${text}"`)
      return typeof decoded === "string" && decoded.isWellFormed() ? decoded : undefined
    } catch {
      return undefined
    }
  }

  /** Reads the object at the cursor and hands its members over. */
  object(members: Members | undefined, depth = 0): number {
    if (depth > nestingDepthMax) return Scan.bad
    this.at += 1
    if (!this.space()) return Scan.more
    if (this.bytes[this.at] === 0x7d) {
      this.at += 1
      return Scan.ok
    }
    for (;;) {
      if (this.bytes[this.at] !== quote) return Scan.bad
      let code = members === undefined ? this.checkedString() : this.string()
      if (code !== Scan.ok) return code
      const { end, escaped, start } = this
      if (!this.space()) return Scan.more
      if (this.bytes[this.at] !== colon) return Scan.bad
      this.at += 1
      if (!this.space()) return Scan.more
      code = this.value(depth)
      if (code !== Scan.ok) return code
      if (members !== undefined) members.member(this, start, end, escaped)
      if (!this.space()) return Scan.more
      const byte = this.bytes[this.at]
      this.at += 1
      if (byte === 0x7d) return Scan.ok
      if (byte !== comma) return Scan.bad
      if (!this.space()) return Scan.more
    }
  }

  /** Reads any value at the cursor. */
  value(depth = 0): number {
    const byte = this.bytes[this.at] ?? 0
    if (byte === quote) return depth === 0 ? this.string() : this.checkedString()
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return this.number()
    if (byte === 0x7b || byte === 0x5b) {
      const start = this.at
      const code = byte === 0x7b ? this.object(undefined, depth + 1) : this.array(depth + 1)
      this.kind = byte === 0x7b ? ValueKind.object : ValueKind.array
      this.start = start
      this.end = this.at
      return code
    }
    if (byte === 0x74) return this.literal(ValueKind.true)
    if (byte === 0x66) return this.literal(ValueKind.false)
    if (byte === 0x6e) return this.literal(ValueKind.null)
    return Scan.bad
  }

  private array(depth: number): number {
    if (depth > nestingDepthMax) return Scan.bad
    this.at += 1
    if (!this.space()) return Scan.more
    if (this.bytes[this.at] === 0x5d) {
      this.at += 1
      return Scan.ok
    }
    for (;;) {
      const code = this.value(depth)
      if (code !== Scan.ok) return code
      if (!this.space()) return Scan.more
      const byte = this.bytes[this.at]
      this.at += 1
      if (byte === 0x5d) return Scan.ok
      if (byte !== comma) return Scan.bad
      if (!this.space()) return Scan.more
    }
  }

  /** A string nobody will decode: its escapes are checked here. */
  private checkedString(): number {
    const code = this.string()
    return code === Scan.ok && this.escaped && this.text() === undefined ? Scan.bad : code
  }

  private string(): number {
    const { bytes, limit } = this
    let at = this.at + 1
    let escaped = false
    const start = at
    for (;;) {
      if (at >= limit) return Scan.more
      const byte = bytes[at] ?? 0
      if (byte === quote) break
      if (byte === backslash) {
        escaped = true
        at += 2
      } else if (byte < 0x20) return Scan.bad
      else at += 1
    }
    this.kind = ValueKind.string
    this.start = start
    this.end = at
    this.escaped = escaped
    this.at = at + 1
    return Scan.ok
  }

  private number(): number {
    const { bytes, limit } = this
    let at = this.at
    this.kind = ValueKind.number
    this.start = at
    this.escaped = false
    if (bytes[at] === 0x2d) at += 1
    const whole = at
    at = this.digits(at)
    if (at === whole) return at >= limit ? Scan.more : Scan.bad
    if (bytes[whole] === 0x30 && at > whole + 1) return Scan.bad
    if (bytes[at] === 0x2e) {
      const fraction = at + 1
      at = this.digits(fraction)
      if (at === fraction) return at >= limit ? Scan.more : Scan.bad
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at += 1
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at += 1
      const exponent = at
      at = this.digits(exponent)
      if (at === exponent) return at >= limit ? Scan.more : Scan.bad
    }
    this.end = at
    this.at = at
    return at >= limit ? Scan.more : Scan.ok
  }

  private digits(from: number): number {
    const { bytes, limit } = this
    let at = from
    while (at < limit) {
      const byte = bytes[at] ?? 0
      if (byte < 0x30 || byte > 0x39) break
      at += 1
    }
    return at
  }

  private literal(kind: 0 | 1 | 2): number {
    const expected = literals[kind]
    for (let index = 0; index < expected.length; index++) {
      if (this.at + index >= this.limit) return Scan.more
      if (this.bytes[this.at + index] !== expected[index]) return Scan.bad
    }
    this.kind = kind
    this.start = this.at
    this.at += expected.length
    this.end = this.at
    this.escaped = false
    return Scan.ok
  }
}
