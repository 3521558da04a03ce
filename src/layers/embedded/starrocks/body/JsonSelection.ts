/** What `jsonpaths` and `json_root` make of a document: the rows in it, and the values of a row. */
import { operationName } from "../catalogue/Table.ts"
import type { LoadPlan } from "../plan/LoadPlan.ts"
import type { RowBuffer } from "../plan/RowBuffer.ts"
import type { JsonScanner } from "../values/JsonScanner.ts"
import { ValueKind } from "../values/ValueKind.ts"
import { elements, type JsonPath, JsonWalk } from "./JsonPaths.ts"

/** The two headers, parsed. */
export interface JsonSelection {
  readonly paths: ReadonlyArray<JsonPath> | undefined
  readonly root: JsonPath | undefined
}

/** The slots of the paths, by position: the fields of the plan and then `__op`, unless the header `columns` names it. */
const slotsOf = ({ fields, operation }: LoadPlan): ReadonlyArray<number> =>
  operation?.kind === "slot" && !fields.includes(operation.slot) ? [...fields, operation.slot] : fields

/** Reads the values of a row by the paths of the header. */
export class PathRow {
  private readonly walk: JsonWalk

  constructor(rows: RowBuffer, paths: ReadonlyArray<JsonPath>) {
    const { plan } = rows
    const slots = slotsOf(plan)
    const used = paths.slice(0, slots.length)
    const operationUnmapped = slots.length > plan.fields.length && used.length < slots.length
    // The server would ignore such a member and upsert the row that the client meant to delete.
    const guarded = operationUnmapped ? [...used, [{ member: operationName, element: undefined }]] : used
    this.walk = new JsonWalk(guarded, (taker, scanner) => {
      const slot = taker < used.length ? slots[taker] : undefined
      if (slot === undefined) {
        this.walk.problem ??= `member ${operationName} is not among the jsonpaths`
        return
      }
      rows.kinds[slot] = scanner.kind
      rows.texts[slot] = scanner.text() ?? ""
    })
  }

  /** Puts the values of the object the scanner has just read into the row; says why it cannot. */
  read(scanner: JsonScanner): string | undefined {
    this.walk.read(scanner)
    return this.walk.problem
  }
}

interface Found {
  readonly kind: number
  readonly start: number
}

/** Finds the rows of a document under `json_root`. */
export class RootRows {
  private readonly walk: JsonWalk
  private readonly each: boolean
  private found: Found | undefined

  /** With `each` the root is an array and every element of it a row, else the root is the row. */
  constructor(root: JsonPath, each: boolean) {
    this.each = each
    this.walk = new JsonWalk([root], (_, { kind, start }) => {
      this.found = { kind, start }
    })
  }

  /** Hands over the rows of the document the scanner has just read while `row` wants more; says why there are none. */
  read(scanner: JsonScanner, row: () => boolean): string | undefined {
    const found = this.find(scanner)
    if (found === undefined) return this.walk.problem ?? "unable to find the key of json_root"
    const wanted = this.each ? ValueKind.array : ValueKind.object
    if (found.kind !== wanted) {
      return this.each
        ? "the value should be array type with strip_outer_array=true in json document stream with root"
        : "the value should be object type in json document stream with json root"
    }
    if (!this.each) {
      scanner.at = found.start
      scanner.value(1)
      row()
      return undefined
    }
    let problem: string | undefined
    elements(scanner, found.start, () => {
      if (scanner.kind === ValueKind.object) return row()
      problem = "the value should be object type in expanded json document stream with json root"
      return false
    })
    return problem
  }

  private find(scanner: JsonScanner): Found | undefined {
    this.found = undefined
    this.walk.read(scanner)
    return this.found
  }
}
