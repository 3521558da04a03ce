/** The PostgreSQL types, by the OIDs that `pg_type.dat` fixes for ever, and how their values are written as text. */

/** What kind of text PostgreSQL's output function gives for a type; decides how the value is written. */
export type PgKind =
  | "boolean"
  | "integer"
  | "float"
  | "double"
  | "numeric"
  | "money"
  | "text"
  | "date"
  | "time"
  | "timestamp"
  | "timestamptz"
  | "json"
  | "bytea"
  | "array"

/** What the elements of an array are, and what stands between them. */
export interface ArrayElements {
  readonly kind: PgKind
  readonly delimiter: string
}

export interface PgType {
  readonly oid: number
  /** The name as `format_type` spells it. */
  readonly name: string
  readonly kind: PgKind
  /** The least and the greatest value of an integer type. */
  readonly bounds?: readonly [bigint, bigint]
  /** Of an array. */
  readonly elements?: ArrayElements
}

/** What a typmod that says a length, or a precision, has on top of it; one that says nothing is −1. */
export const VARHDRSZ = 4
/** The scale of a numeric's typmod is a signed number of eleven bits. */
const SCALE_MASK = 0x7ff
const SCALE_SIGN = 0x400

/** The declaration of a numeric that has one; its scale may be negative. */
export const numericOf = (typmod: number): { readonly precision: number; readonly scale: number } => ({
  precision: ((typmod - VARHDRSZ) >> 16) & 0xffff,
  scale: (((typmod - VARHDRSZ) & SCALE_MASK) ^ SCALE_SIGN) - SCALE_SIGN
})

/** OIDs that code speaks of by name. */
export const BPCHAR_OID = 1042
export const NAME_OID = 19
export const NUMERIC_OID = 1700
export const TEXT_OID = 25
export const VARCHAR_OID = 1043

const BOUNDS: ReadonlyMap<number, readonly [bigint, bigint]> = new Map([
  [20, [-(2n ** 63n), 2n ** 63n - 1n]],
  [21, [-(2n ** 15n), 2n ** 15n - 1n]],
  [23, [-(2n ** 31n), 2n ** 31n - 1n]],
  [26, [0n, 2n ** 32n - 1n]]
])

/** OID, OID of the type's arrays, name, kind. */
const SCALARS: ReadonlyArray<readonly [number, number, string, PgKind]> = [
  [16, 1000, "boolean", "boolean"],
  [21, 1005, "smallint", "integer"],
  [23, 1007, "integer", "integer"],
  [20, 1016, "bigint", "integer"],
  [26, 1028, "oid", "integer"],
  [700, 1021, "real", "float"],
  [701, 1022, "double precision", "double"],
  [NUMERIC_OID, 1231, "numeric", "numeric"],
  [790, 791, "money", "money"],
  [TEXT_OID, 1009, "text", "text"],
  [VARCHAR_OID, 1015, "character varying", "text"],
  [BPCHAR_OID, 1014, "character", "text"],
  [18, 1002, "\"char\"", "text"],
  [NAME_OID, 1003, "name", "text"],
  [17, 1001, "bytea", "bytea"],
  [1560, 1561, "bit", "text"],
  [1562, 1563, "bit varying", "text"],
  [1082, 1182, "date", "date"],
  [1083, 1183, "time", "time"],
  [1266, 1270, "timetz", "time"],
  [1114, 1115, "timestamp", "timestamp"],
  [1184, 1185, "timestamptz", "timestamptz"],
  [1186, 1187, "interval", "text"],
  [2950, 2951, "uuid", "text"],
  [114, 199, "json", "json"],
  [3802, 3807, "jsonb", "json"],
  [4072, 4073, "jsonpath", "text"],
  [142, 143, "xml", "text"],
  [869, 1041, "inet", "text"],
  [650, 651, "cidr", "text"],
  [829, 1040, "macaddr", "text"],
  [774, 775, "macaddr8", "text"],
  [600, 1017, "point", "text"],
  [628, 629, "line", "text"],
  [601, 1018, "lseg", "text"],
  [603, 1020, "box", "text"],
  [602, 1019, "path", "text"],
  [604, 1027, "polygon", "text"],
  [718, 719, "circle", "text"],
  [3614, 3643, "tsvector", "text"],
  [3615, 3645, "tsquery", "text"],
  [3220, 3221, "pg_lsn", "text"],
  [3904, 3905, "int4range", "text"],
  [3926, 3927, "int8range", "text"],
  [3906, 3907, "numrange", "text"],
  [3908, 3909, "tsrange", "text"],
  [3910, 3911, "tstzrange", "text"],
  [3912, 3913, "daterange", "text"],
  [4451, 6150, "int4multirange", "text"],
  [4536, 6157, "int8multirange", "text"],
  [4532, 6151, "nummultirange", "text"],
  [4533, 6152, "tsmultirange", "text"],
  [4534, 6153, "tstzmultirange", "text"],
  [4535, 6155, "datemultirange", "text"],
  [22, 1006, "int2vector", "text"],
  [27, 1010, "tid", "text"],
  [28, 1011, "xid", "text"],
  [29, 1012, "cid", "text"],
  [5069, 271, "xid8", "text"],
  [30, 1013, "oidvector", "text"],
  [24, 1008, "regproc", "text"],
  [2202, 2207, "regprocedure", "text"],
  [2203, 2208, "regoper", "text"],
  [2204, 2209, "regoperator", "text"],
  [2205, 2210, "regclass", "text"],
  [2206, 2211, "regtype", "text"],
  [3734, 3735, "regconfig", "text"],
  [3769, 3770, "regdictionary", "text"],
  [4089, 4090, "regnamespace", "text"],
  [4096, 4097, "regrole", "text"],
  [4191, 4192, "regcollation", "text"],
  [1033, 1034, "aclitem", "text"],
  [1790, 2201, "refcursor", "text"],
  [2970, 2949, "txid_snapshot", "text"],
  [5038, 5039, "pg_snapshot", "text"]
]

/** The only type whose array elements are not parted by commas. */
const BOX_OID = 603

const TYPES: ReadonlyMap<number, PgType> = new Map(
  SCALARS.flatMap(([oid, arrayOid, name, kind]): ReadonlyArray<readonly [number, PgType]> => {
    const bounds = BOUNDS.get(oid)
    const delimiter = oid === BOX_OID ? ";" : ","
    return [
      [oid, { oid, name, kind, ...(bounds === undefined ? {} : { bounds }) }],
      [arrayOid, { oid: arrayOid, name: `${name}[]`, kind: "array", elements: { kind, delimiter } }]
    ]
  })
)

/** The built-in types that are no arrays, in the order of the documentation. */
export const scalars: ReadonlyArray<PgType> = SCALARS.map(([oid]) => TYPES.get(oid)!)

/** Whether the type is one of those that every PostgreSQL has under this OID, arrays included. */
export const isBuiltIn = (oid: number): boolean => TYPES.has(oid)

/**
 * The type of an OID. What a database has defined itself (enums, composites, types of extensions) is written as the text
 * that its output function gives, and so is everything that is not known.
 */
export const of = (oid: number): PgType => TYPES.get(oid) ?? { oid, name: `type with OID ${oid}`, kind: "text" }

/** The kind of a type. */
export const kindOf = (oid: number): PgKind => of(oid).kind

/** The OID of the arrays of a built-in type; undefined for other types, and for arrays. */
export const arrayOf = (oid: number): number | undefined => SCALARS.find(([scalar]) => scalar === oid)?.[1]
