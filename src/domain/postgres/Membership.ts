/** What a table's entry in its publication is known by. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

const Membership = Schema.Struct({
  /** Another one says that the table was out of the publication in between, or that it is another table. */
  place: Schema.String,
  /** The transaction that wrote the publication's options last. */
  written: Schema.optionalKey(Schema.String),
  /** Options that were written again and are what they were may have been others in between. */
  options: Schema.optionalKey(Schema.String)
})

/** Of a table that is published. `written` and `options` are there both or not at all. */
export type Membership = typeof Membership.Type

const TEXT = /^\S+(?: \S+ \S+)?$/

/**
 * `place written options`, as it is stored. It stays this one text: versions before would refuse a record with another form of
 * it, or find that every table has got another place, and stop them all. The first of them stored the place alone.
 */
export const FromText = Schema.String.check(Schema.isPattern(TEXT)).pipe(
  Schema.decodeTo(
    Membership,
    SchemaTransformation.transform<Membership, string>({
      decode: (text) => {
        const [place = "", written, options] = text.split(" ")
        return written === undefined || options === undefined ? { place } : { place, written, options }
      },
      encode: ({ options, place, written }) => [place, written, options].filter((part) => part !== undefined).join(" ")
    })
  )
)
