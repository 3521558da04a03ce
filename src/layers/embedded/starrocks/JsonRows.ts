/** Reads the JSON body of a load, slice by slice, into rows. Complete documents only; the rest waits for more bytes. */
import { isAscii, isUtf8 } from "node:buffer"
import { JsonScanner, type Members, Scan } from "./JsonScanner.ts"
import type { RowBuffer } from "./RowBuffer.ts"

/** Bytes parsed at once: large enough to be cheap per row, small enough to keep the event loop free. */
const sliceBytesDefault = 256 * 1024
/** Bytes of one document; a longer one is refused before it fills the memory. */
const documentBytesMax = 512 * 1024 * 1024

const openBrace = 0x7b
const openBracket = 0x5b
const closeBracket = 0x5d
const comma = 0x2c

const malformed = "Unrecognized json format, stop json loader."
const arrayRefused =
  "The value is array type in json document stream, you can set strip_outer_array=true to parse each " +
  "element of the array as individual rows"

interface ExpectedMember {
  readonly key: Buffer
  readonly slot: number
}

/** Feeds rows from JSON text. After `fatal` of the rows is set, further bytes are ignored. */
export class JsonRows implements Members {
  private readonly rows: RowBuffer
  private readonly stripOuterArray: boolean
  private readonly scanner = new JsonScanner()
  private readonly slots: ReadonlyMap<string, number>
  /** What the last row had at this position: rows of one writer look alike, so the guess is nearly always right. */
  private readonly expected: Array<ExpectedMember> = []
  private position = 0
  private pending: Array<Buffer> = []
  private pendingBytes = 0
  private readonly sliceBytes: number
  private enoughBytes: number
  private place: "before" | "first" | "element" | "next" | "after" = "before"
  private brokenText = false

  constructor(rows: RowBuffer, stripOuterArray: boolean, sliceBytes = sliceBytesDefault) {
    this.sliceBytes = sliceBytes
    this.enoughBytes = sliceBytes
    this.rows = rows
    this.stripOuterArray = stripOuterArray
    this.slots = new Map(rows.plan.slots.map((name, slot) => [name, slot]))
  }

  /** Takes the next bytes of the body. */
  push(bytes: Buffer): void {
    if (this.rows.fatal !== undefined) return
    this.pending.push(bytes)
    this.pendingBytes += bytes.length
    if (this.pendingBytes >= this.enoughBytes) this.parse(false)
  }

  /** Says that the body is complete. */
  end(): void {
    if (this.rows.fatal === undefined) this.parse(true)
    if (this.rows.fatal === undefined) this.rows.end()
  }

  member(scanner: JsonScanner, keyStart: number, keyEnd: number, escaped: boolean): void {
    const position = this.position
    this.position = position + 1
    const slot = this.slotOf(scanner, position, keyStart, keyEnd, escaped)
    if (slot < 0) return
    const text = scanner.text()
    if (text === undefined) this.brokenText = true
    this.rows.kinds[slot] = scanner.kind
    this.rows.texts[slot] = text ?? ""
  }

  private slotOf(scanner: JsonScanner, position: number, start: number, end: number, escaped: boolean): number {
    const guess = this.expected[position]
    if (guess !== undefined && guess.key.length === end - start) {
      let index = 0
      while (index < guess.key.length && guess.key[index] === scanner.bytes[start + index]) index += 1
      if (index === guess.key.length) return guess.slot
    }
    const slot = this.slots.get(scanner.slice(start, end, escaped) ?? "") ?? -1
    if (position < 4096) this.expected[position] = { key: Buffer.from(scanner.bytes.subarray(start, end)), slot }
    return slot
  }

  private parse(final: boolean): void {
    const first = this.pending[0]
    const bytes = this.pending.length === 1 && first !== undefined ? first : Buffer.concat(this.pending)
    const scanner = this.scanner
    scanner.reset(bytes, isAscii(bytes))
    const wellFormed = scanner.ascii || isUtf8(bytes)
    let consumed = 0
    while (this.rows.fatal === undefined) {
      if (!scanner.space()) {
        consumed = scanner.at
        break
      }
      if (this.stripOuterArray && this.place !== "element") {
        this.punctuation()
        consumed = scanner.at
        continue
      }
      const start = scanner.at
      if (!this.document(start, wellFormed)) {
        if (final) this.rows.fatal = malformed
        break
      }
      consumed = scanner.at
    }
    const rest = bytes.subarray(consumed)
    this.pending = rest.length === 0 ? [] : [rest]
    this.pendingBytes = rest.length
    // A document longer than what is there is scanned again only when twice as much has arrived.
    this.enoughBytes = Math.max(this.sliceBytes, rest.length * 2)
    if (rest.length > documentBytesMax) this.rows.fatal = `Memory exceed limit. json document size ${rest.length}`
    if (final && this.stripOuterArray && this.place !== "after" && this.place !== "before") {
      this.rows.fatal ??= malformed
    }
  }

  /** Handles the brackets and commas around the elements of the outer array. */
  private punctuation(): void {
    const byte = this.scanner.bytes[this.scanner.at] ?? 0
    if (this.place === "before") {
      if (byte !== openBracket) {
        this.rows.fatal = byte === openBrace
          ? "the value should be array type with strip_outer_array=true, value: {"
          : `illegal json started with ${String.fromCharCode(byte)}`
        return
      }
      this.place = "first"
    } else if (this.place === "first") {
      if (byte !== closeBracket) {
        this.place = "element"
        return
      }
      this.place = "after"
    } else if (this.place === "next" && byte === comma) this.place = "element"
    else if (this.place === "next" && byte === closeBracket) this.place = "after"
    else {
      this.rows.fatal = malformed
      return
    }
    this.scanner.at += 1
  }

  /** Reads one document; false when its end has not arrived. */
  private document(start: number, wellFormed: boolean): boolean {
    const scanner = this.scanner
    const byte = scanner.bytes[start] ?? 0
    this.rows.clear()
    this.position = 0
    this.brokenText = false
    if (byte !== openBrace && !this.stripOuterArray) {
      this.rows.fatal = byte === openBracket ? arrayRefused : `illegal json started with ${String.fromCharCode(byte)}`
      return true
    }
    const code = byte === openBrace ? scanner.object(this) : scanner.value(1)
    if (code === Scan.more) return false
    if (code === Scan.bad || this.brokenText) {
      this.rows.fatal = malformed
      return true
    }
    if (this.stripOuterArray) this.place = "next"
    const end = scanner.at
    const text = (): string => scanner.bytes.toString("utf8", start, end)
    if (byte !== openBrace) this.rows.filter("the element of the array is no object", text)
    else if (!wellFormed && !isUtf8(scanner.bytes.subarray(start, end))) this.rows.filter("Invalid UTF-8 row", text)
    else this.rows.endRow(text)
    return true
  }
}
