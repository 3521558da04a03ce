/** What carries one HTTP exchange of a Stream Load out: `node:http`, unless a simulation puts its own network there. */
import * as Context from "effect/Context"
import * as HttpExchange from "./HttpExchange.ts"

export const HttpTransport: Context.Reference<typeof HttpExchange.exchange> = Context.Reference(
  "dbmazz/layers/HttpTransport",
  { defaultValue: () => HttpExchange.exchange }
)
