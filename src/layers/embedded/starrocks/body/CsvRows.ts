/** Reads the CSV body of a load, slice by slice, into rows. Complete rows only; the rest waits for more bytes. */
import { isAscii, isUtf8 } from "node:buffer"
import type { RowBuffer } from "../plan/RowBuffer.ts"
import { varcharBytesMax } from "../values/ColumnType.ts"
import { ValueKind } from "../values/ValueKind.ts"
import { BodySlices } from "./BodyChunks.ts"
import { type FieldReader, reader } from "./CsvFields.ts"
import type { CsvFormat } from "./CsvFormat.ts"
import * as CsvNested from "./CsvNested.ts"

/** Bytes parsed at once: large enough to be cheap per row, small enough to keep the event loop free. */
const sliceBytesDefault = 256 * 1024
/** Bytes of one row; a longer one is refused before it fills the memory. */
const rowBytesMaxDefault = 100 * 1024 * 1024

/** Bytes of a UTF-16 unit in UTF-8, at most. */
const utf8BytesMax = 3

/** A separator as the error log shows it. */
const shown = (text: string): string => {
  let result = ""
  for (const byte of Buffer.from(text)) {
    if (byte === 10) result += "\\n"
    else if (byte === 9) result += "\\t"
    else if (byte >= 32 && byte < 127) result += String.fromCharCode(byte)
    else result += `0x${byte.toString(16)}`
  }
  return `'${result}'`
}

/** Bytes at the end that start a character without finishing it. */
const unfinishedBytes = (bytes: Buffer): number => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0
  }
  return 0
}

const asBytes = (text: string): string => Buffer.from(text).toString("latin1")

/** Where the values of a field go, and how they are read. */
interface Place {
  readonly slot: number
  readonly name: string
  /** The kind of the column when its text is JSON. */
  readonly nested: string | undefined
}

/** Feeds rows from CSV text. After `fatal` of the rows is set, further bytes are ignored. */
export class CsvRows {
  private readonly rows: RowBuffer
  private readonly format: CsvFormat
  private readonly places: ReadonlyArray<Place>
  private readonly reader: FieldReader
  /** Reads text of one character a byte: where the bytes are no UTF-8, rows still end where they end. */
  private readonly byteReader: FieldReader
  private readonly countProblem: string
  private headerLines: number
  private readonly slices: BodySlices
  private readonly rowBytesMax: number

  constructor(
    rows: RowBuffer,
    format: CsvFormat,
    sliceBytes = sliceBytesDefault,
    rowBytesMax = rowBytesMaxDefault
  ) {
    const { plan } = rows
    this.rows = rows
    this.format = format
    this.slices = new BodySlices(sliceBytes)
    this.rowBytesMax = rowBytesMax
    this.headerLines = format.skipHeader
    this.reader = reader(format)
    this.byteReader = reader({
      ...format,
      columnSeparator: asBytes(format.columnSeparator),
      rowDelimiter: asBytes(format.rowDelimiter)
    })
    this.places = plan.fields.map((slot) => {
      const target = plan.targets.find(({ source }) => source.kind === "slot" && source.slot === slot)
      const kind = target?.column.type.kind ?? ""
      return { slot, name: plan.slots[slot] ?? "", nested: CsvNested.nestedKinds.has(kind) ? kind : undefined }
    })
    this.countProblem = `Column separator: ${shown(format.columnSeparator)}, ` +
      `Row delimiter: ${shown(format.rowDelimiter)}`
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

  private parse(final: boolean): void {
    const bytes = this.slices.joined()
    const whole = final ? bytes : bytes.subarray(0, bytes.length - unfinishedBytes(bytes))
    const consumed = isAscii(whole)
      ? this.readText(whole.toString("latin1"), final)
      : isUtf8(whole)
      ? this.readUtf8(whole.toString(), final)
      : this.readBytes(whole, final)
    const restBytes = this.slices.keep(bytes.subarray(consumed))
    if (restBytes > this.rowBytesMax) this.rows.fatal ??= `CSV line length exceed limit ${this.rowBytesMax}`
  }

  private readUtf8(text: string, final: boolean): number {
    const end = this.readText(text, final)
    return Buffer.byteLength(text.slice(0, end))
  }

  /** Reads the rows of a text and says where it stopped. */
  private readText(text: string, final: boolean): number {
    const { reader: fields } = this
    fields.begin(text)
    let at = this.skipLines(text, this.format.rowDelimiter, final)
    while (at < text.length && this.rows.fatal === undefined) {
      const next = fields.next(at, final)
      if (next < 0) break
      if (fields.count > 0) this.row(fields, () => text.slice(at, fields.rowEnd))
      at = next
    }
    return at
  }

  private readBytes(bytes: Buffer, final: boolean): number {
    const { byteReader: fields } = this
    const text = bytes.toString("latin1")
    fields.begin(text)
    let at = this.skipLines(text, asBytes(this.format.rowDelimiter), final)
    while (at < text.length && this.rows.fatal === undefined) {
      const next = fields.next(at, final)
      if (next < 0) break
      const row = bytes.subarray(at, fields.rowEnd)
      if (fields.count > 0) {
        const valid = isUtf8(row)
        for (let index = 0; valid && index < fields.count; index++) {
          fields.fields[index] = Buffer.from(fields.fields[index] ?? "", "latin1").toString()
        }
        this.row(fields, () => row.toString(), valid)
      }
      at = next
    }
    return at
  }

  /** Leaves out the lines of the header; a mark around a field does not hold such a line together. */
  private skipLines(text: string, delimiter: string, final: boolean): number {
    let at = 0
    while (this.headerLines > 0) {
      const found = text.indexOf(delimiter, at)
      if (found < 0) return final ? text.length : at
      this.headerLines -= 1
      at = found + delimiter.length
    }
    return at
  }

  private row(fields: FieldReader, rowText: () => string, valid = true): void {
    const { places, rows } = this
    if (fields.problem !== undefined) return rows.filter(fields.problem, rowText)
    if (fields.count !== places.length) {
      const counts = `Target column count: ${places.length} doesn't match source value column count: ${fields.count}. `
      return rows.filter(counts + this.countProblem, rowText)
    }
    if (!valid) return rows.filter("Invalid UTF-8 row", rowText)
    rows.clear()
    for (let index = 0; index < places.length; index++) {
      const place = places[index]
      const text = fields.fields[index]
      if (place === undefined || text === undefined) continue
      const { slot } = place
      if (text === "\\N") {
        rows.kinds[slot] = ValueKind.null
        continue
      }
      rows.kinds[slot] = ValueKind.string
      rows.texts[slot] = text
      const taken = place.nested === undefined ? this.scalar(slot, text) : this.nested(slot, place.nested, text)
      if (!taken) {
        const type = place.nested ?? `VARCHAR(${varcharBytesMax})`
        const problem = `The field (name = ${place.name}, pos = ${index}) is out of range. Type: ${type}, `
        return rows.filter(`${problem}Value length: ${Buffer.byteLength(text)}, Value: ${text.slice(0, 64)}`, rowText)
      }
    }
    rows.endRow(rowText)
  }

  /** Looks at a field that may be too long whatever its column holds; false when it is and the load is strict. */
  private scalar(slot: number, text: string): boolean {
    const { rows } = this
    if (text.length * utf8BytesMax <= varcharBytesMax || Buffer.byteLength(text) <= varcharBytesMax) return true
    rows.kinds[slot] = ValueKind.null
    return !rows.plan.strict
  }

  /** Puts a field of JSON text in its place; false when it is none and the load is strict. */
  private nested(slot: number, kind: string, text: string): boolean {
    const { rows } = this
    const token = CsvNested.token(kind, text)
    if (token === undefined && rows.plan.strict) return false
    rows.kinds[slot] = token?.kind ?? ValueKind.null
    rows.texts[slot] = token?.text ?? ""
    return true
  }
}
