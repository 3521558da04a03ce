/** What StarRocks' refusal to start a schema change means. */
import type * as SrSqlError from "../domain/errors/SrSqlError.ts"

/** Between two looks at a schema change, in ms: with fast schema evolution it is over in less, otherwise in minutes. */
export const POLL_EVERY_MS = 200

const DUPLICATE_COLUMN = 1060
const TABLE_STATE_NOT_NORMAL = 5014

/** One schema change a table at a time: another one is under way. */
export const isBusy = (error: SrSqlError.SrSqlError): boolean =>
  error.code === TABLE_STATE_NOT_NORMAL ||
  /state is not normal|schema change (?:job )?.*(?:running|in progress|not finished)|is doing schema change/i
    .test(error.message)

/** Somebody added the columns between our look and our statement. */
export const isDuplicate = (error: SrSqlError.SrSqlError): boolean =>
  error.code === DUPLICATE_COLUMN || /duplicate column|already exists/i.test(error.message)
