/** The paths of the `jsonpaths` and `json_root` headers, and the walk that reads the values they name out of a document. */
import * as Result from "effect/Result"
import type { JsonScanner, Members } from "../values/JsonScanner.ts"
import { ValueKind } from "../values/ValueKind.ts"

/** A member, and the element of its array when the path asks for one. */
export interface Step {
  readonly member: string
  readonly element: number | undefined
}

/** The way from a document to a value; no step at all is the document itself. */
export type JsonPath = ReadonlyArray<Step>

/** Cuts a path at its points; a part between quotes keeps the points in it. */
const parts = (path: string): ReadonlyArray<string> | undefined => {
  const found = [""]
  let quoted = false
  const append = (text: string): void => {
    found.push((found.pop() ?? "") + text)
  }
  for (let index = 0; index < path.length; index++) {
    const character = path.charAt(index)
    if (character === "\\") {
      index += 1
      const escaped = path.charAt(index)
      if (escaped === "" || !"n\"\\.".includes(escaped)) return undefined
      append(escaped === "n" ? "\n" : escaped)
    } else if (character === "\"") quoted = !quoted
    else if (character === "." && !quoted) found.push("")
    else append(character)
  }
  return quoted ? undefined : found
}

/** A path: `$`, `$.a`, `$.a.b`, `$.list[0]`, `$."a.b"`. Everything else is refused by name. */
export const path = (text: string): Result.Result<JsonPath, string> => {
  const [root, ...members] = parts(text) ?? []
  if (root !== "$") return Result.fail(`Invalid json path: ${text}`)
  const steps: Array<Step> = []
  for (const part of members) {
    const match = /^([^"[\]]+)(?:\[(\d{1,9}|\*)\])?$/.exec(part)
    const [, member, element] = match ?? []
    if (member === undefined) return Result.fail(`Invalid json path: ${text}`)
    if (member === "*" || element === "*") {
      return Result.fail(`Invalid json path: ${text}, this endpoint does not know the wildcard *`)
    }
    steps.push({ member, element: element === undefined ? undefined : Number(element) })
  }
  return Result.succeed(steps)
}

/** The paths of a `jsonpaths` header, a JSON array of strings. */
export const paths = (header: string): Result.Result<ReadonlyArray<JsonPath>, string> => {
  const invalid = `Invalid json path: ${header}`
  let list: unknown
  try {
    list = JSON.parse(header)
  } catch {
    return Result.fail(invalid)
  }
  if (!Array.isArray(list)) return Result.fail(invalid)
  const found: Array<JsonPath> = []
  for (const entry of list) {
    const parsed = typeof entry === "string" ? path(entry) : Result.fail(invalid)
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    found.push(parsed.success)
  }
  return Result.succeed(found)
}

/** The path of a `json_root` header. */
export const root = (header: string): Result.Result<JsonPath, string> =>
  path(header).pipe(
    Result.flatMap((steps) => steps.length === 0 ? Result.fail("empty json path") : Result.succeed(steps))
  )

/** A value that paths lead to or through. */
interface Node {
  readonly name: string
  readonly takers: Array<number>
  readonly members: Map<string, Node>
  readonly elements: Map<number, Node>
}

const node = (name: string): Node => ({ name, takers: [], members: new Map(), elements: new Map() })

const child = <Key>(children: Map<Key, Node>, key: Key, name: string): Node => {
  const found = children.get(key) ?? node(name)
  children.set(key, found)
  return found
}

/** Takes a value; the scanner's `kind`, `start`, `end` and `text()` describe it. */
export type Take = (taker: number, scanner: JsonScanner) => void

/** Reads the values of several paths in one walk over a document that was checked before. */
export class JsonWalk implements Members {
  /** Why the document cannot be read as the paths want; undefined when it can. */
  problem: string | undefined
  private readonly root = node("$")
  private readonly take: Take
  private current = this.root

  /** Path number n hands its value to taker number n. */
  constructor(found: ReadonlyArray<JsonPath>, take: Take) {
    this.take = take
    found.forEach((steps, taker) => {
      let at = this.root
      for (const { element, member } of steps) {
        at = child(at.members, member, member)
        if (element !== undefined) at = child(at.elements, element, `${member}[${element}]`)
      }
      at.takers.push(taker)
    })
  }

  /** Reads the value the scanner has just read; what is missing or null is not handed over. */
  read(scanner: JsonScanner): void {
    this.problem = undefined
    this.visit(scanner, this.root)
  }

  member(scanner: JsonScanner, keyStart: number, keyEnd: number, escaped: boolean): void {
    const found = this.current.members.get(scanner.slice(keyStart, keyEnd, escaped) ?? "")
    if (found !== undefined) this.visit(scanner, found)
  }

  private visit(scanner: JsonScanner, found: Node): void {
    const { at, kind, start } = scanner
    if (kind !== ValueKind.null) { for (const taker of found.takers) this.take(taker, scanner) }
    if (found.members.size > 0 && kind === ValueKind.object) {
      const outer = this.current
      this.current = found
      scanner.at = start
      scanner.object(this, 1)
      this.current = outer
    }
    if (found.elements.size > 0) {
      if (kind === ValueKind.array) {
        elements(scanner, start, (index) => {
          const element = found.elements.get(index)
          if (element !== undefined) this.visit(scanner, element)
          return true
        })
      } else this.problem ??= `failed to access field as array, field: ${found.name}`
    }
    scanner.at = at
  }
}

/**
 * Hands over the elements of the checked array at `start`, one after the other, until `visit` says stop; `visit` leaves
 * the scanner's place behind the element.
 */
export const elements = (scanner: JsonScanner, start: number, visit: (index: number) => boolean): void => {
  scanner.at = start + 1
  scanner.space()
  for (let index = 0; scanner.bytes[scanner.at] !== 0x5d; index++) {
    scanner.value(1)
    const { at } = scanner
    if (!visit(index)) return
    scanner.at = at
    scanner.space()
    // The comma, or the bracket that ends the loop.
    if (scanner.bytes[scanner.at] === 0x2c) scanner.at += 1
    scanner.space()
  }
}
