/** Reads the JSON body of a load, slice by slice, into rows. Complete documents only; the rest waits for more bytes. */
import { isAscii, isUtf8 } from "node:buffer"
import type { RowBuffer } from "../plan/RowBuffer.ts"
import { JsonScanner, type Members, Scan } from "../values/JsonScanner.ts"
import { BodySlices } from "./BodyChunks.ts"
import { type JsonSelection, PathRow, RootRows } from "./JsonSelection.ts"

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
  /** Whether the documents are elements of one array; under `json_root` the first character decides. */
  private outerArray: boolean
  private readonly paths: PathRow | undefined
  private readonly root: RootRows | undefined
  private readonly scanner = new JsonScanner()
  private readonly slots: ReadonlyMap<string, number>
  /** What the last row had at this position: rows of one writer look alike, so the guess is nearly always right. */
  private readonly expected: Array<ExpectedMember> = []
  private position = 0
  private readonly slices: BodySlices
  private place: "before" | "documents" | "first" | "element" | "next" | "after" = "before"
  private brokenText = false

  constructor(rows: RowBuffer, stripOuterArray: boolean, sliceBytes = sliceBytesDefault, selection?: JsonSelection) {
    this.slices = new BodySlices(sliceBytes)
    this.rows = rows
    this.paths = selection?.paths === undefined ? undefined : new PathRow(rows, selection.paths)
    this.root = selection?.root === undefined ? undefined : new RootRows(selection.root, stripOuterArray)
    this.outerArray = stripOuterArray && this.root === undefined
    this.slots = new Map(rows.plan.slots.map((name, slot) => [name, slot]))
  }

  /** Takes the next bytes of the body. */
  push(bytes: Buffer): void {
    if (this.rows.fatal !== undefined) return
    if (this.slices.push(bytes)) this.parse(false)
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
    const bytes = this.slices.joined()
    const scanner = this.scanner
    scanner.reset(bytes, isAscii(bytes))
    const wellFormed = scanner.ascii || isUtf8(bytes)
    let consumed = 0
    while (this.rows.fatal === undefined) {
      if (!scanner.space()) {
        consumed = scanner.at
        break
      }
      if (this.place === "before") {
        if (this.root !== undefined) this.outerArray = scanner.bytes[scanner.at] === openBracket
        if (!this.outerArray) this.place = "documents"
      }
      if (this.outerArray && this.place !== "element") {
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
    const restBytes = this.slices.keep(bytes.subarray(consumed))
    if (restBytes > documentBytesMax) this.rows.fatal = `Memory exceed limit. json document size ${restBytes}`
    if (final && this.outerArray && this.place !== "after" && this.place !== "before") {
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
    if (byte !== openBrace && !this.outerArray) {
      this.rows.fatal = byte === openBracket ? arrayRefused : `illegal json started with ${String.fromCharCode(byte)}`
      return true
    }
    const direct = byte === openBrace && this.paths === undefined && this.root === undefined
    const code = direct ? scanner.object(this) : scanner.value(1)
    if (code === Scan.more) return false
    if (code === Scan.bad || this.brokenText) {
      this.rows.fatal = malformed
      return true
    }
    if (this.outerArray) this.place = "next"
    const end = scanner.at
    const text = (): string => scanner.bytes.toString("utf8", start, end)
    if (byte !== openBrace) this.rows.filter("the element of the array is no object", text)
    else if (!wellFormed && !isUtf8(scanner.bytes.subarray(start, end))) this.rows.filter("Invalid UTF-8 row", text)
    else if (direct) this.rows.endRow(text)
    else {
      if (this.root === undefined) this.row()
      else {
        const problem = this.root.read(scanner, () => {
          this.row()
          return this.rows.fatal === undefined
        })
        this.rows.fatal ??= problem
      }
      scanner.at = end
    }
    return true
  }

  /** Adds the row whose object the scanner has just read, by paths or by the names of its members. */
  private row(): void {
    const { rows, scanner } = this
    const { end, start } = scanner
    const text = (): string => scanner.bytes.toString("utf8", start, end)
    rows.clear()
    if (this.paths === undefined) {
      this.position = 0
      scanner.at = start
      scanner.object(this)
      return rows.endRow(text)
    }
    const problem = this.paths.read(scanner)
    if (problem === undefined) rows.endRow(text)
    else rows.filter(problem, text)
  }
}
