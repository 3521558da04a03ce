/** The sentences of the error log about values that a column cannot hold. */
import * as ColumnType from "./ColumnType.ts"
import * as Values from "./Values.ts"

/** Characters of a value shown in an error log. */
const shownMax = 100

const shown = (text: string): string => text.length > shownMax ? `${text.slice(0, shownMax)}...` : text

/** The sentence about a field of the body. */
export const problem = (name: string, type: ColumnType.ColumnType, kind: number, raw: string): string => {
  if (type.kind === "CHAR" || type.kind === "VARCHAR") return tooLong(name, type.bytes, Values.asText(kind, raw))
  const text = raw.trim()
  if (type.kind === "DECIMAL" && Values.numberText.test(text)) return decimalOverflow(name, type, shown(text))
  if (type.kind in ColumnType.integerRange && Values.numberText.test(text)) {
    return overflow(name, text)
  }
  return `Value '${shown(raw)}' is out of range. The type of '${name}' is ${ColumnType.physicalName(type)}`
}

/** The sentence about a text of too many bytes. */
export const tooLong = (name: string, bytesMax: number, text: string): string =>
  `String '${shown(text)}'(length=${Buffer.byteLength(text)}) is too long. The max length of '${name}' is ${bytesMax}`

/** The sentence about bytes that do not fit. */
export const beyondCapacity = (name: string, bytesMax: number): string =>
  `Value length is beyond the capacity. column=${name}, capacity=${bytesMax}`

/** The sentence about a decimal of too many digits; the server closes it with an apostrophe that nothing opens. */
export const decimalOverflow = (name: string, type: ColumnType.ColumnType, text: string): string =>
  `Decimal '${text}' is out of range. The type of '${name}' is ${ColumnType.physicalName(type)}'`

/** The sentence about a number beyond its type. */
export const overflow = (name: string, text: string): string =>
  `Value is overflow. column=${name}, value=${shown(text)}`
