/**
 * Cuts the text of a CSV body into rows and fields. Two readers: a plain one for bodies without enclosed or escaped
 * fields, and one for bodies with such marks.
 */
import type { CsvFormat } from "./CsvFormat.ts"

/** Reads row after row. */
export interface FieldReader {
  /** The fields of the row that was read last; only the first `count` are of that row. */
  readonly fields: Array<string>
  /** Fields of that row; 0 when it was blank. */
  count: number
  /** Where that row's text ends, without its delimiter. */
  rowEnd: number
  /** Why the row cannot be used, whatever its fields are. */
  problem: string | undefined
  /** Takes the text that the following rows are in. */
  readonly begin: (text: string) => void
  /**
   * Reads the row at `from` and says where the next one starts; -1 when the row's end has not arrived. With `final` the
   * end of the text ends the row.
   */
  readonly next: (from: number, final: boolean) => number
}

const space = 0x20

const trimmed = (text: string, from: number, to: number): string => {
  let start = from
  let end = to
  while (start < end && text.charCodeAt(start) === space) start += 1
  while (end > start && text.charCodeAt(end - 1) === space) end -= 1
  return text.slice(start, end)
}

class PlainFields implements FieldReader {
  readonly fields: Array<string> = []
  count = 0
  rowEnd = 0
  readonly problem = undefined
  private readonly format: CsvFormat
  private text = ""
  /** The first separator at or behind the place last asked for: kept, so that a text without any is searched once. */
  private separatorAt = -1

  constructor(format: CsvFormat) {
    this.format = format
  }

  begin(text: string): void {
    this.text = text
    this.separatorAt = -1
  }

  next(from: number, final: boolean): number {
    const { text } = this
    const { columnSeparator, rowDelimiter, trimSpace } = this.format
    const found = text.indexOf(rowDelimiter, from)
    if (found < 0 && !final) return -1
    const end = found < 0 ? text.length : found
    this.rowEnd = end
    this.count = 0
    const after = found < 0 ? end : end + rowDelimiter.length
    if (end === from) return after
    let start = from
    for (;;) {
      if (this.separatorAt < start) {
        const at = text.indexOf(columnSeparator, start)
        this.separatorAt = at < 0 ? Number.POSITIVE_INFINITY : at
      }
      const last = this.separatorAt + columnSeparator.length > end
      const stop = last ? end : this.separatorAt
      this.fields[this.count] = trimSpace ? trimmed(text, start, stop) : text.slice(start, stop)
      this.count += 1
      if (last) return after
      start = stop + columnSeparator.length
    }
  }
}

const unsure = "the versions of the server do not read this row alike: "

/**
 * Reads fields with marks. Where the server's versions differ, because one of them loses or moves characters, the row has a
 * problem instead of a value that only some servers would store.
 */
class MarkedFields implements FieldReader {
  readonly fields: Array<string> = []
  count = 0
  rowEnd = 0
  problem: string | undefined
  private readonly format: CsvFormat
  private readonly rowFirst: number
  private readonly columnFirst: number
  private readonly enclose: number
  private readonly escape: number
  /** Characters behind the row's end that have to be there before it is believed. */
  private readonly lookahead: number
  private text = ""
  private at = 0

  constructor(format: CsvFormat) {
    this.format = format
    this.rowFirst = format.rowDelimiter.charCodeAt(0)
    this.columnFirst = format.columnSeparator.charCodeAt(0)
    this.enclose = format.enclose ?? -1
    this.escape = format.escape ?? -1
    this.lookahead = Math.max(format.rowDelimiter.length, format.columnSeparator.length, 2)
  }

  begin(text: string): void {
    this.text = text
  }

  next(from: number, final: boolean): number {
    const { format, text } = this
    this.count = 0
    this.problem = undefined
    this.at = from
    for (;;) {
      if (format.trimSpace) this.skipSpaces()
      const start = this.at
      // The escape comes first, which matters when both marks are the same.
      const code = text.charCodeAt(start)
      const opens = code === this.enclose && code !== this.escape && !this.rowHere(start) && !this.columnHere(start)
      if (opens) this.enclosed()
      else this.push(this.ordinary())
      const ended = this.at >= text.length
      if (!ended && !this.rowHere(this.at)) {
        this.at += format.columnSeparator.length
        continue
      }
      if (!final && this.at + this.lookahead > text.length) return -1
      this.rowEnd = this.at
      if (this.count === 1 && this.at === start) this.count = 0
      return ended ? this.at : this.at + format.rowDelimiter.length
    }
  }

  /** Reads up to the next separator and gives what is there without its marks. */
  private ordinary(): string {
    const { enclose, escape, text } = this
    let value = ""
    let from = this.at
    while (this.at < text.length) {
      const code = text.charCodeAt(this.at)
      if (this.rowHere(this.at) || this.columnHere(this.at)) break
      if (code === escape) {
        value += text.slice(from, this.at)
        this.at += 1
        from = this.at
        this.at += this.specialLength(this.at)
      } else if (code === enclose && text.charCodeAt(this.at + 1) === enclose) {
        value += text.slice(from, this.at)
        from = this.at + 1
        this.at += 2
      } else {
        if (code === enclose) this.problem ??= `${unsure}a mark inside of a field that is not enclosed`
        this.at += 1
      }
    }
    return value + text.slice(from, this.at)
  }

  private enclosed(): void {
    const { enclose, escape, text } = this
    let value = ""
    let from = this.at + 1
    const opened = from
    this.at = from
    for (;;) {
      if (this.at >= text.length) {
        this.problem ??= "the body ends inside of an enclosed field"
        return this.push(value + text.slice(from, this.at))
      }
      const code = text.charCodeAt(this.at)
      if (code === enclose) {
        if (text.charCodeAt(this.at + 1) !== enclose) break
        if (this.at === opened) this.problem ??= `${unsure}an enclosed field that starts with a doubled mark`
        value += text.slice(from, this.at)
        from = this.at + 1
        this.at += 2
      } else if (code === escape) {
        value += text.slice(from, this.at)
        this.at += 1
        from = this.at
        const length = this.specialLength(this.at)
        if (length === 0) this.problem ??= `${unsure}an escape in an enclosed field before an ordinary character`
        this.at += length
      } else this.at += 1
    }
    this.push(value + text.slice(from, this.at))
    this.at += 1
    if (this.format.trimSpace) this.skipSpaces()
    if (this.ordinary() !== "") this.problem ??= `${unsure}text behind the closing mark of a field`
  }

  private push(value: string): void {
    this.fields[this.count] = value
    this.count += 1
  }

  private skipSpaces(): void {
    while (this.text.charCodeAt(this.at) === space) this.at += 1
  }

  private rowHere(at: number): boolean {
    return this.text.charCodeAt(at) === this.rowFirst && this.text.startsWith(this.format.rowDelimiter, at)
  }

  private columnHere(at: number): boolean {
    return this.text.charCodeAt(at) === this.columnFirst && this.text.startsWith(this.format.columnSeparator, at)
  }

  /** Length of what an escape may stand before; 0 for an ordinary character. */
  private specialLength(at: number): number {
    const code = this.text.charCodeAt(at)
    if (code === this.enclose || code === this.escape) return 1
    if (this.rowHere(at)) return this.format.rowDelimiter.length
    return this.columnHere(at) ? this.format.columnSeparator.length : 0
  }
}

/** The reader of a format. */
export const reader = (format: CsvFormat): FieldReader =>
  format.enclose === undefined && format.escape === undefined ? new PlainFields(format) : new MarkedFields(format)
