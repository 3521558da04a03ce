/** Taking tables out of the publication, so that the server does not decode and send what nobody wants. */
import * as Effect from "effect/Effect"
import * as Identifier from "../domain/Identifier.ts"
import { PostgresSql } from "./PostgresSql.ts"

/** A table somebody else works on is left in, rather than queued for: whoever comes after would wait behind us. */
const LOCK_MS_MAX = 3_000

/** Takes the tables out, all or none. Fails when the publication is not one of listed tables, or not the role's. */
export const tables = Effect.fn("Unpublish.tables")(function*(
  publication: string,
  unwanted: ReadonlyArray<Identifier.QualifiedName>
) {
  const { query } = yield* PostgresSql
  const list = unwanted.map(Identifier.quotePgTable).join(", ")
  yield* query(
    `set local lock_timeout = ${LOCK_MS_MAX}; alter publication ${Identifier.quotePg(publication)} drop table ${list}`
  )
})
