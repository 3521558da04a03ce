/** The configuration file: YAML, read as a tree of known keys whose leaves are the values of settings. */
import * as Yaml from "yaml"
import * as KeySuggestion from "./KeySuggestion.ts"
import * as Substitution from "./Substitution.ts"
import { describeType, TEXT, type Variable } from "./Variable.ts"
import { ENTRIES, type VariableKey } from "./Variables.ts"

/** What the file says of one setting. */
export interface Value {
  /** A text, or the entries of a list. */
  readonly content: string | ReadonlyArray<string>
  /** As it is written, `${}` unresolved: what an error may show. */
  readonly written: string
  /** `dbmazz.yaml:3:9`: line and column, from 1. */
  readonly where: string
}

export interface ConfigFile {
  readonly name: string
  readonly values: ReadonlyMap<VariableKey, Value>
  /** What the file gives and nobody could read: said in `problems`, so nobody need complain again. */
  readonly broken: ReadonlySet<VariableKey>
  /** Each with file, line and column; never with a value. */
  readonly problems: ReadonlyArray<string>
}

/** A file with more faults than this is another file, or none that a person wrote. */
const PROBLEMS_MAX = 50

/** What a key may look like to be shown: anything else may be a value in a wrong place. */
const SHOWABLE = /^[\w.-]{1,64}$/

interface Section {
  readonly children: Map<string, Section | readonly [VariableKey, Variable]>
}

const isSection = (node: Section | readonly [VariableKey, Variable]): node is Section => "children" in node

const ROOT: Section = { children: new Map() }
for (const [key, variable] of ENTRIES) {
  const names = variable.path.split(".")
  let section = ROOT
  for (const name of names.slice(0, -1)) {
    const found = section.children.get(name)
    const next = found !== undefined && isSection(found) ? found : { children: new Map() }
    section.children.set(name, next)
    section = next
  }
  section.children.set(names.at(-1)!, [key, variable])
}

const leavesOf = (section: Section): ReadonlyArray<VariableKey> =>
  [...section.children.values()].flatMap((child) => isSection(child) ? leavesOf(child) : [child[0]])

const ALL: ReadonlySet<VariableKey> = new Set(leavesOf(ROOT))

/** A file of which nothing is known but why. */
export const unreadable = (name: string, problems: ReadonlyArray<string>): ConfigFile => ({
  name,
  values: new Map(),
  broken: ALL,
  problems
})

/** The library's own texts can quote the file. */
const SYNTAX: Readonly<Partial<Record<Yaml.ErrorCode, string>>> = {
  BAD_DQ_ESCAPE: "an escape sequence that YAML does not have; use single quotes for plain text",
  BAD_INDENT: "the indentation does not fit the lines above",
  BAD_SCALAR_START: "a value cannot start with this character; put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a second ': ' in one line; put the value in quotes",
  MISSING_CHAR: "a ':', a quote or a bracket is missing",
  MULTIPLE_DOCS: "a second document starts here; keep one",
  RESOURCE_EXHAUSTION: "nested too deeply",
  TAB_AS_INDENT: "a tab in the indentation; use spaces",
  TAG_RESOLVE_FAILED: "a tag (!…) that means nothing here; leave it out",
  UNEXPECTED_TOKEN: "something that does not belong here; put texts with special characters in quotes"
}

class Walk {
  readonly values = new Map<VariableKey, Value>()
  readonly broken = new Set<VariableKey>()
  readonly problems: Array<string> = []
  readonly #name: string
  readonly #lines: Yaml.LineCounter
  readonly #substitute: (text: string) => Substitution.Substituted

  constructor(name: string, lines: Yaml.LineCounter, env: Substitution.Environment) {
    this.#name = name
    this.#lines = lines
    this.#substitute = Substitution.make(env)
  }

  where(offset: number): string {
    const { col, line } = this.#lines.linePos(offset)
    return `${this.#name}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }

  section(section: Section, path: string, node: unknown): void {
    // A section whose every line is commented out is none.
    if (node === null || (Yaml.isScalar(node) && node.value === null)) return
    if (!Yaml.isMap(node)) {
      const what = path === "" ? "the file" : path
      const keys = [...section.children.keys()].join(", ")
      this.problems.push(`${this.where(offsetOf(node, 0))}: ${what}: must hold keys: ${keys}`)
      for (const key of leavesOf(section)) this.broken.add(key)
      return
    }
    const seen = new Set<string>()
    for (const { key, value } of node.items) this.#entry(section, path, key, value, seen)
  }

  #entry(section: Section, path: string, key: unknown, value: unknown, seen: Set<string>): void {
    const where = this.where(offsetOf(key, 0))
    const name = Yaml.isScalar(key) ? String(key.value) : ""
    const known = section.children.get(name)
    if (known === undefined) {
      const shown = SHOWABLE.test(name) ? `unknown key '${name}'` : "something that is not a key"
      const inside = path === "" ? "" : ` in section '${path}'`
      // Looking for a near key takes time, and what is past the limit is not shown.
      const near = this.problems.length < PROBLEMS_MAX ? KeySuggestion.suggest(path, name) : ""
      this.problems.push(`${where}: ${shown}${inside}${near}`)
      return
    }
    const full = path === "" ? name : `${path}.${name}`
    if (seen.has(name)) this.problems.push(`${where}: ${full}: is given twice`)
    seen.add(name)
    if (isSection(known)) this.section(known, full, value)
    else this.#leaf(known, value ?? key)
  }

  #leaf([key, variable]: readonly [VariableKey, Variable], node: unknown): void {
    const before = this.problems.length
    const read = variable.type.kind === "list" && Yaml.isSeq(node)
      ? this.#list(variable, node)
      : this.#scalar(variable, node)
    if (this.problems.length > before) this.broken.add(key)
    this.values.set(key, { ...read, where: this.where(offsetOf(node, 0)) })
  }

  #list(variable: Variable, list: Yaml.YAMLSeq): Omit<Value, "where"> {
    const entry: Variable = { ...variable, type: TEXT }
    const texts = list.items.map((item) => this.#scalar(entry, item, offsetOf(list, 0)))
    return { content: texts.map(({ content }) => content), written: texts.map(({ written }) => written).join(",") }
  }

  /** One text; what is wrong with it goes to the problems. */
  #scalar({ path, type }: Variable, node: unknown, offset = 0): { readonly content: string; readonly written: string } {
    const problem = (what: string) => {
      this.problems.push(`${this.where(offsetOf(node, offset))}: ${path}: ${what}`)
      return { content: "", written: "" }
    }
    const due = `must be ${describeType(type)}`
    if (Yaml.isAlias(node)) return problem("refers to an anchor (*…), which is not supported; write the value out")
    if (!Yaml.isScalar(node)) return problem(`${due}, not ${Yaml.isMap(node) ? "a section" : "a list"}`)
    const { value } = node
    if (value === null) return problem("has no value; give it one, or leave the line out")
    const { kind } = type
    if (typeof value === "string") {
      const { problems, replaced, text } = this.#substitute(value)
      for (const found of problems) problem(found)
      const isText = kind !== "integer" && kind !== "flag"
      return isText || replaced ? { content: text, written: value } : problem(`${due}, without quotes`)
    }
    const fits = (kind === "integer" && typeof value === "number") || (kind === "flag" && typeof value === "boolean")
    if (!fits) return problem(kind === "integer" || kind === "flag" ? due : "must be text; put it in quotes")
    return { content: String(value), written: String(value) }
  }
}

const offsetOf = (node: unknown, otherwise: number): number =>
  Yaml.isNode(node) ? node.range?.[0] ?? otherwise : otherwise

const limited = (name: string, problems: ReadonlyArray<string>): ReadonlyArray<string> =>
  problems.length <= PROBLEMS_MAX
    ? problems
    : [...problems.slice(0, PROBLEMS_MAX), `${name}: and ${problems.length - PROBLEMS_MAX} more problems`]

/**
 * Reads the file's text; `name` is what errors call it. Never throws: what is wrong, all of it, is in `problems`. A file that
 * is not YAML gives nothing but the places where it is not.
 */
export const decode = (name: string, text: string, env: Substitution.Environment): ConfigFile => {
  const lines = new Yaml.LineCounter()
  const walk = new Walk(name, lines, env)
  try {
    // The library's check for keys given twice takes minutes on a file of many keys: it is done here, on the known ones.
    const document = Yaml.parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: false
    })
    const faults = [...document.errors, ...document.warnings].map((fault) =>
      `${walk.where(fault.pos[0])}: not YAML: ${SYNTAX[fault.code] ?? fault.code}`
    )
    if (faults.length > 0) return unreadable(name, limited(name, [...new Set(faults)]))
    walk.section(ROOT, "", document.contents)
  } catch {
    // Only a text that exhausts the parser's stack comes here; its message could quote the text.
    return unreadable(name, [`${name}: cannot be read as YAML: nested too deeply`])
  }
  return { name, values: walk.values, broken: walk.broken, problems: limited(name, walk.problems) }
}
