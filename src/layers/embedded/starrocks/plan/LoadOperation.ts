/** Whether a row is an upsert or a delete: what `__op` says, as a field of the body or as an expression. */
import * as Result from "effect/Result"
import { operationName } from "../catalogue/Table.ts"
import * as Value from "../expression/ExpressionValue.ts"
import { ValueKind } from "../values/ValueKind.ts"

/** 0 for an upsert, 1 for a delete; otherwise the reason why the row is filtered. */
type OfRow = (row: Value.Row) => 0 | 1 | string

/** What decides about a row: a slot of the body, or an expression. */
export type Operation =
  | { readonly kind: "slot"; readonly slot: number; readonly of: OfRow }
  | { readonly kind: "expression"; readonly of: OfRow }

const words: Readonly<Record<string, 0 | 1>> = { "0": 0, "1": 1, upsert: 0, delete: 1 }

const unknownWord = "the value of __op must be 0, 1, 'upsert' or 'delete'"
const isNull = `NULL value in non-nullable column '${operationName}'`

/** A field: without it the row is an upsert, with NULL it is filtered. */
export const ofSlot = (slot: number): Operation => ({
  kind: "slot",
  slot,
  of: (row) => {
    const kind = row.kinds[slot] ?? -1
    if (kind < ValueKind.null) return 0
    if (kind === ValueKind.null) return isNull
    if (kind !== ValueKind.number && kind !== ValueKind.string) return unknownWord
    return words[(row.texts[slot] ?? "").toLowerCase()] ?? unknownWord
  }
})

const computed = (of: OfRow): Operation => ({ kind: "expression", of })

/** A mapping `__op=expression`; constants are checked before any row is read. */
export const ofExpression = (value: Value.Typed): Result.Result<Operation, string> => {
  const literal = value.type === "text" ? value.literal : undefined
  if (literal !== undefined) {
    const word = literal.toLowerCase()
    return word === "upsert" || word === "delete"
      ? Result.succeed(computed(() => word === "delete" ? 1 : 0))
      : Result.fail(`load op type string not supported: ${word}`)
  }
  if (value.type === "null" || value.type === "bytes" || value.type === "date" || value.type === "datetime") {
    return Result.fail("const load op type column should only be upsert(0)/delete(1)")
  }
  const text = Value.asText(value)
  return Result.succeed(computed((row) => {
    const written = text(row)
    return written === null ? isNull : words[written.toLowerCase()] ?? unknownWord
  }))
}
