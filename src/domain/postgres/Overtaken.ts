/** Another process that sets up the same job was faster: look again. */
import { TransientError } from "../errors/TransientError.ts"

export const make = (what: string, context: Readonly<Record<string, string>> = {}): TransientError =>
  new TransientError({
    code: "PG_SQL_FAILED",
    message: `${what} was created by somebody else at the same moment`,
    remediation: "Nothing to do: dbmazz looks again. Run one dbmazz for each slot.",
    context
  })
