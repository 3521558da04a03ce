/** The CSV body of a load as the model sink reads it, with the marks that the load has named. */
import * as SourceTables from "./SourceTables.ts"

/** The marks as headers name them; rows end with a newline. */
export interface Marks {
  readonly separator: string
  readonly enclose: string
  readonly escape: string
}

interface Field {
  readonly text: string
  readonly enclosed: boolean
}

const NULL = "\\N"
const LITERAL = /^(?:-?\d+|true|false)$/

/** The rows' fields; undefined: an enclosed field does not end, or not before a mark. */
const rowsOf = (
  body: string,
  { enclose, escape, separator }: Marks
): ReadonlyArray<ReadonlyArray<Field>> | undefined => {
  const rows: Array<ReadonlyArray<Field>> = []
  let row: Array<Field> = []
  let at = 0
  while (at < body.length) {
    const enclosed = body[at] === enclose
    let text = ""
    if (enclosed) {
      for (at += 1; at < body.length && body[at] !== enclose; at++) {
        if (body[at] === escape && (body[at + 1] === enclose || body[at + 1] === escape)) at += 1
        text += body[at] ?? ""
      }
      at += 1
    } else for (; at < body.length && body[at] !== separator && body[at] !== "\n"; at++) text += body[at] ?? ""
    row.push({ text, enclosed })
    if (body[at] === "\n") {
      rows.push(row)
      row = []
    } else if (body[at] !== separator) return undefined
    at += 1
  }
  return row.length === 0 ? rows : undefined
}

/** NULL is told after the enclosing marks are gone, so a text like it is one as well. */
const jsonOf = ({ enclosed, text }: Field, isDocument: boolean): string => {
  if (text === NULL) return "null"
  if (isDocument) return text
  return !enclosed && LITERAL.test(text) ? text : JSON.stringify(text)
}

/** The rows as JSON lines, one object a row; undefined: a row has other fields than `columns` names. */
export const toJson = (
  table: string,
  body: string,
  columns: ReadonlyArray<string>,
  marks: Marks
): string | undefined => {
  const source = SourceTables.WANTED.find(({ name }) => name === table)
  const documents = columns.map((name) => source?.columns.find((each) => each.name === name)?.starRocks === "json")
  const rows = rowsOf(body, marks)
  if (rows === undefined || rows.some((row) => row.length !== columns.length)) return undefined
  return rows.map((row) => {
    const members = row.map((field, index) =>
      `${JSON.stringify(columns[index])}:${jsonOf(field, documents[index] === true)}`
    )
    return `{${members.join(",")}}\n`
  }).join("")
}
