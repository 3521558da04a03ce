/** What plans may hold beside rows. A feature that is off by default is one that the product does not carry over yet. */

export interface Features {
  /** Columns that are added and dropped in transactions that commit; rolled-back ones are in every plan. */
  readonly ddl: boolean
  /** Tables partitioned by key, whose rows move between partitions. */
  readonly partitions: boolean
}

/** On once the product carries it over. */
export const DEFAULT: Features = { ddl: true, partitions: true }

const NAMES = Object.keys(DEFAULT)

/** `ddl,partitions`: these on, whatever the default; fails with the names there are. */
export const withAlso = (names: string): Features => {
  const wanted = names.split(",").filter((name) => name !== "")
  const unknown = wanted.find((name) => !NAMES.includes(name))
  if (unknown !== undefined) throw new Error(`no feature '${unknown}'; there are ${NAMES.join(", ")}`)
  return { ddl: DEFAULT.ddl || wanted.includes("ddl"), partitions: DEFAULT.partitions || wanted.includes("partitions") }
}
