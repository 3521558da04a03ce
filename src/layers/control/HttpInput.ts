/** What a request brings: its JSON body and its query, checked before anything is done. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** The request is wrong; `message` says what in it, and goes to its sender. */
export class BadRequest extends Data.TaggedError("BadRequest")<{ readonly message: string }> {}

/** A 64-bit number: a JSON number that is exact, or decimal digits in a string. */
export const Uint64 = Schema.Union([
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  Schema.String.check(Schema.isPattern(/^[0-9]{1,20}$/))
]).pipe(Schema.decodeTo(
  Schema.BigInt,
  SchemaTransformation.transform({ decode: (given) => BigInt(given), encode: (value) => value.toString() })
))

const parse = (text: string): Effect.Effect<unknown, BadRequest> =>
  Effect.try({
    // No body is an empty object: everything in one is optional.
    try: () => (text.trim() === "" ? {} : JSON.parse(text)) as unknown,
    catch: () => new BadRequest({ message: "the body is not JSON" })
  })

/** Decodes the body. A member that does not exist is refused: misspelt, it would not do what its sender meant. */
export const body = <A, I>(schema: Schema.Codec<A, I>) => {
  const decode = Schema.decodeUnknownEffect(schema, { onExcessProperty: "error", errors: "all" })
  return HttpServerRequest.HttpServerRequest.pipe(
    Effect.flatMap((request) => request.text),
    Effect.flatMap(parse),
    Effect.flatMap((value) =>
      Effect.mapError(decode(value), (error) => new BadRequest({ message: `the body is wrong: ${error.message}` }))
    )
  )
}

/** A whole number of the query, `fallback` when it is not given. */
export const query = (name: string, fallback: number, least: number, most: number, otherwise: string) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    const given = new URLSearchParams(request.url.split("?")[1] ?? "").get(name)
    const value = given === null ? fallback : /^[0-9]{1,10}$/.test(given) ? Number(given) : Number.NaN
    return value >= least && value <= most
      ? Effect.succeed(value)
      : Effect.fail(new BadRequest({ message: otherwise }))
  })
