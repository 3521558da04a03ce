/** What a refusal by StarRocks' SQL means for a setup. */
import * as SetupError from "../domain/errors/SetupError.ts"
import type * as SrSqlError from "../domain/errors/SrSqlError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"

export type Failure = SetupError.SetupError | TransientError

/** Privileges missing, by MySQL's numbers and StarRocks's own. */
const ACCESS_DENIED: ReadonlySet<number> = new Set([1044, 1045, 1142, 1143, 1227, 5203])

/** Whether a privilege is missing. */
export const isAccessDenied = ({ code }: SrSqlError.SrSqlError): boolean => ACCESS_DENIED.has(code)

/** The failure of a setup that may not, or could not, read the catalogue. */
export const ofCatalogue = (error: SrSqlError.SrSqlError | Failure): Failure =>
  error._tag === "SrSqlError" && ACCESS_DENIED.has(error.code)
    ? SetupError.make({ _tag: "SrPrivilegeMissing", error: `(${error.code}) ${error.message}` })
    : error._tag === "SrSqlError"
    ? new TransientError({
      code: "SR_SQL_FAILED",
      message: `StarRocks refused to show its catalogue (${error.code}): ${error.message}`,
      remediation: "Check that the user may read information_schema and has SELECT on the target tables.",
      context: { code: String(error.code) }
    })
    : error
