/** Whether a StarRocks column holds what a source column may hold, and to which type it is to be widened when it does not. */
import * as PgType from "../PgType.ts"
import { boundsOf, bytesMaxOf, familyOf, scaleOf, type StarRocksFamily } from "../StarRocksType.ts"
import type { SourceColumn, TargetColumn } from "../Table.ts"
import * as TargetTable from "../TargetTable.ts"
import { literalFor } from "../TypeMapping.ts"
import * as ValuePolicy from "../values/ValuePolicy.ts"

/**
 * - `Fits`: as it is, as far as declarations tell; a value that does not follows the policies of values
 * - `Widen`: it holds everything once it has this type, and so does everything that is in it
 * - `Misfit`: no change of its type helps
 */
export type Fit = { readonly _tag: "Fits" } | { readonly _tag: "Widen"; readonly type: string } | {
  readonly _tag: "Misfit"
}

const FITS: Fit = { _tag: "Fits" }
const MISFIT: Fit = { _tag: "Misfit" }
const widen = (type: string): Fit => ({ _tag: "Widen", type })

/** Changes of a column's family that StarRocks makes, and after which its values read as PostgreSQL's text does. */
const CONVERTIBLE: Readonly<Partial<Record<StarRocksFamily, StarRocksFamily>>> = {
  float: "double",
  date: "datetime"
}
const TO_TEXT: ReadonlySet<StarRocksFamily> = new Set(["integer", "decimal"])

/** Whether StarRocks changes a column of the one family to the other. */
export const converts = (from: StarRocksFamily | undefined, to: StarRocksFamily | undefined): boolean =>
  from !== undefined && to !== undefined && (CONVERTIBLE[from] === to || (TO_TEXT.has(from) && to === "string"))

const DECIMAL_PRECISION_MAX = 38

/** Digits before the point of a DECIMAL. */
const wholeDigits = (type: string): number => {
  const most = boundsOf(type)?.[1] ?? 0n
  return most === 0n ? 0 : String(most).length
}

const decimal = (wanted: string, target: string): Fit => {
  if (familyOf(wanted) !== "decimal") return widen(wanted)
  const whole = Math.max(wholeDigits(wanted), wholeDigits(target))
  const scale = Math.max(scaleOf(wanted), scaleOf(target))
  if (whole === wholeDigits(target) && scale === scaleOf(target)) return FITS
  return whole + scale <= DECIMAL_PRECISION_MAX ? widen(`DECIMAL(${whole + scale},${scale})`) : MISFIT
}

const exceeds = (bounds: readonly [bigint, bigint] | undefined, type: string): boolean => {
  const held = boundsOf(type)
  return bounds !== undefined && held !== undefined && (bounds[0] < held[0] || bounds[1] > held[1])
}

const LIMITED_TEXT: ReadonlySet<number> = new Set([PgType.BPCHAR_OID, PgType.VARCHAR_OID])

/**
 * `isNew`: the source column has just got this type, and the column is to hold all of it, however long its text. Otherwise
 * the target's owner may have chosen a narrower type: only what the declaration itself makes too wide (a larger integer, more
 * digits, more characters than bytes) is widened, and only where the policies do not say what becomes of such values.
 */
export const fit = (
  { typeOid, typmod }: Pick<SourceColumn, "typeOid" | "typmod">,
  target: TargetColumn,
  isNew: boolean,
  policies: ValuePolicy.Policies = ValuePolicy.DEFAULTS
): Fit => {
  const type = PgType.of(typeOid)
  const family = familyOf(target.type)
  if (family === undefined) return MISFIT
  const wanted = TargetTable.createType({ typeOid, typmod }, false)
  if (literalFor(type.kind, family) === undefined) {
    const to = familyOf(wanted)
    return converts(family, to) ? widen(wanted) : MISFIT
  }
  if (type.kind === "integer" && family === "integer") {
    const asked = isNew || policies.numericOverflow === "fail"
    return asked && exceeds(type.bounds, target.type) ? widen(wanted) : FITS
  }
  if (type.kind === "numeric" && family === "decimal") {
    const asked = isNew ||
      (typmod >= PgType.VARHDRSZ && policies.numericOverflow === "fail" && policies.numericScale === "fail")
    const found = asked ? decimal(wanted, target.type) : FITS
    // Values within the column's digits still fit.
    return found._tag === "Misfit" ? FITS : found
  }
  if (type.kind === "text" && family === "string") {
    const held = bytesMaxOf(target.type)
    if (isNew) return held < bytesMaxOf(wanted) ? widen(wanted) : FITS
    const isLimited = LIMITED_TEXT.has(typeOid) && typmod > PgType.VARHDRSZ && policies.length === "fail"
    return isLimited && held < typmod - PgType.VARHDRSZ ? widen(wanted) : FITS
  }
  return FITS
}

const WIDTHS = /^(tinyint|smallint|int|bigint)\(\d+\)$/

/** The type of a catalogue's row as DDL writes it. */
export const ddlOf = (type: string): string => {
  const lower = type.trim().toLowerCase()
  if (lower === "tinyint(1)") return "BOOLEAN"
  if (lower.includes("unsigned")) return "LARGEINT"
  return lower.replace(WIDTHS, "$1").toUpperCase()
}
