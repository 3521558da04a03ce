/** The reply of a load: the fields and their order are part of the contract. */

/** How far a load came; filled while it runs. */
export interface Progress {
  txnId: number
  label: string
  total: number
  loaded: number
  filtered: number
  unselected: number
  bytes: number
  readonly startedAtMs: number
  beginMs: number
  planMs: number
  readMs: number
  writeMs: number
  commitMs: number
  errorUrl: string | undefined
}

/** The end of a load. */
export interface Outcome {
  readonly status: "Success" | "Publish Timeout" | "Label Already Exists" | "Fail"
  readonly message: string
  readonly existing?: "RUNNING" | "FINISHED" | undefined
}

/** A load that has done nothing yet. */
export const progress = (): Progress => ({
  txnId: -1,
  label: "",
  total: 0,
  loaded: 0,
  filtered: 0,
  unselected: 0,
  bytes: 0,
  startedAtMs: Date.now(),
  beginMs: 0,
  planMs: 0,
  readMs: 0,
  writeMs: 0,
  commitMs: 0,
  errorUrl: undefined
})

/** The reply's text. */
export const render = (load: Progress, outcome: Outcome): string =>
  JSON.stringify(
    {
      TxnId: load.txnId,
      Label: load.label,
      Status: outcome.status,
      ...(outcome.existing === undefined ? {} : { ExistingJobStatus: outcome.existing }),
      Message: outcome.message,
      NumberTotalRows: load.total,
      NumberLoadedRows: load.loaded,
      NumberFilteredRows: load.filtered,
      NumberUnselectedRows: load.unselected,
      LoadBytes: load.bytes,
      LoadTimeMs: Math.round(Date.now() - load.startedAtMs),
      BeginTxnTimeMs: Math.round(load.beginMs),
      StreamLoadPlanTimeMs: Math.round(load.planMs),
      ReadDataTimeMs: Math.round(load.readMs),
      WriteDataTimeMs: Math.round(load.writeMs),
      CommitAndPublishTimeMs: Math.round(load.commitMs),
      ...(load.errorUrl === undefined ? {} : { ErrorURL: load.errorUrl })
    },
    null,
    4
  )
