/** How an FE words its failures. Pure. */

/** A failure as most paths of the FE report it. */
export const failed = (message: string) => ({ status: "FAILED", msg: message })

/** A failure as the load path reports it, and as transactions do with a class of their own. */
export const exception = (message: string, thrown = "com.starrocks.common.DdlException") => ({
  Status: "FAILED",
  Message: `class ${thrown}: ${message}`
})
