/** The columns that a load writes. Rows of different sets never share a load: what a row lacks would be overwritten. */
import * as AuditColumns from "../AuditColumns.ts"
import * as Identifier from "../Identifier.ts"
import * as Label from "../Label.ts"
import type { LoadFormat } from "../LoadFormat.ts"

/** Prefix of the JSON member that carries the hex digits of a binary column. */
const HEX_MEMBER_PREFIX = "dbmazz_hex_"

/**
 * Longest `columns` header that is sent by choice, in bytes: StarRocks' back ends take 32 kB of headers, and a load has
 * others.
 */
const HEADER_BYTES_MAX = 24 * 1024

/** A column as a load names it. */
export interface Column {
  readonly name: string
  /** Its place in the tuple. */
  readonly index: number
  /** Sent as hex digits, under another name. */
  readonly hex: boolean
}

export interface ColumnSet {
  /** How its rows are sent. */
  readonly format: LoadFormat
  /** Of a set that is sent as CSV: the same columns, for rows that CSV cannot say. */
  readonly inJson?: ColumnSet
  /** Value of the `columns` header; undefined when every JSON member is a column by its own name. */
  readonly header: string | undefined
  /** What the load does not name keeps its value in StarRocks. */
  readonly partial: boolean
  /** Places of the source columns that are left out. */
  readonly omits: ReadonlySet<number>
  /** Whether the server is sure to take the header. */
  readonly isSendable: boolean
  /** Names format and set in a label; undefined when JSON lines name every column of the target. */
  readonly tag: string | undefined
}

/** The JSON member of a column. */
export const memberOf = ({ hex, index, name }: Column): string => hex ? `${HEX_MEMBER_PREFIX}${index}` : name

const headerOf = (columns: ReadonlyArray<Column>): string => {
  const members = columns.map((column) => column.hex ? memberOf(column) : Identifier.quoteSr(column.name))
  const computed = columns.filter(({ hex }) => hex).map((column) =>
    `${Identifier.quoteSr(column.name)}=to_binary(${memberOf(column)},'hex')`
  )
  return [...members, ...AuditColumns.NAMES, ...computed].join(",")
}

/** What no header of HTTP may hold; a quoted name of PostgreSQL may. */
const CONTROL = /[^\P{Cc}\t]/u

const isShort = (header: string): boolean => Buffer.byteLength(header) <= HEADER_BYTES_MAX

/** Whether the header of these columns may be sent where there is another way. */
const isSendable = (header: string): boolean => isShort(header) && !CONTROL.test(header)

/**
 * The set as CSV. Its fields are known by the header alone, so one that cannot be sent leaves the rows JSON lines, which
 * know theirs without it.
 */
const inFormat = (format: LoadFormat, header: string, set: ColumnSet): ColumnSet =>
  format === "json" || !isSendable(header)
    ? set
    : { ...set, format, inJson: set, header, tag: Label.columnsTag(`csv ${header}`) }

/** All source columns. `covers`: they, and the audit columns, are everything that the target can be given. */
export const whole = (columns: ReadonlyArray<Column>, covers: boolean, format: LoadFormat): ColumnSet => {
  const header = headerOf(columns)
  const omits: ReadonlySet<number> = new Set()
  if (covers || !isShort(header)) {
    const named = columns.some(({ hex }) => hex) ? header : undefined
    return inFormat(format, header, {
      format: "json",
      header: named,
      partial: false,
      omits,
      isSendable: true,
      tag: undefined
    })
  }
  const tag = Label.columnsTag(header)
  return inFormat(format, header, { format: "json", header, partial: true, omits, isSendable: true, tag })
}

/** The source columns without these. */
export const without = (
  columns: ReadonlyArray<Column>,
  omitted: ReadonlyArray<number>,
  format: LoadFormat
): ColumnSet => {
  const omits = new Set(omitted)
  const header = headerOf(columns.filter(({ index }) => !omits.has(index)))
  const tag = Label.columnsTag(header)
  return inFormat(format, header, {
    format: "json",
    header,
    partial: true,
    omits,
    isSendable: isSendable(header),
    tag
  })
}
