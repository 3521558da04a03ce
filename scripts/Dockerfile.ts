/**
 * Reads the part of the Dockerfile language that our image uses: stages, COPY, RUN, WORKDIR, ENV, USER, ENTRYPOINT, CMD.
 * An instruction outside it is an error, so that a check of the image cannot pass over what it does not understand.
 */

export interface Copy {
  readonly _tag: "Copy"
  /** The stage the files come from; none means the build context. */
  readonly from: string | undefined
  readonly sources: ReadonlyArray<string>
  readonly target: string
}

export interface Run {
  readonly _tag: "Run"
  readonly command: string
}

export interface WorkDir {
  readonly _tag: "WorkDir"
  readonly path: string
}

export interface Env {
  readonly _tag: "Env"
  readonly name: string
  readonly value: string
}

export type Step = Copy | Run | WorkDir | Env

export interface Stage {
  readonly name: string | undefined
  readonly image: string
  readonly steps: ReadonlyArray<Step>
  readonly user: string | undefined
  readonly entrypoint: ReadonlyArray<string>
  readonly command: ReadonlyArray<string>
}

type Draft = { -readonly [K in keyof Omit<Stage, "steps">]: Stage[K] } & { steps: Array<Step> }

const words = (text: string): Array<string> => text.split(/\s+/).filter((word) => word !== "")

/** Instructions, comments and blank lines removed, continuation lines joined. */
const instructions = (text: string): Array<string> =>
  text.replace(/^\s*#.*\n/gm, "").replace(/\\\n/g, " ").split("\n").map((row) => row.trim()).filter((row) => row !== "")

const copy = (rest: string): Copy => {
  const flags = words(rest).filter((word) => word.startsWith("--"))
  const paths = words(rest).filter((word) => !word.startsWith("--"))
  const from = flags.find((flag) => flag.startsWith("--from="))?.slice("--from=".length)
  const target = paths.at(-1)
  if (paths.length < 2 || target === undefined) throw new Error(`COPY without a source and a target: ${rest}`)
  return { _tag: "Copy", from, sources: paths.slice(0, -1), target }
}

const env = (rest: string): Env => {
  const parts = /^([A-Za-z_]\w*)=(\S*)$/.exec(rest)
  if (parts === null) throw new Error(`ENV is read in the form NAME=value only: ${rest}`)
  return { _tag: "Env", name: parts[1] ?? "", value: parts[2] ?? "" }
}

const exec = (rest: string): ReadonlyArray<string> => {
  const value: unknown = JSON.parse(rest)
  if (!Array.isArray(value)) throw new Error(`not in exec form: ${rest}`)
  return value.map(String)
}

const apply = (stage: Draft, instruction: string, rest: string): void => {
  switch (instruction) {
    case "COPY":
      stage.steps.push(copy(rest))
      return
    case "RUN":
      stage.steps.push({ _tag: "Run", command: rest })
      return
    case "WORKDIR":
      stage.steps.push({ _tag: "WorkDir", path: rest })
      return
    case "ENV":
      stage.steps.push(env(rest))
      return
    case "USER":
      stage.user = rest
      return
    case "ENTRYPOINT":
      stage.entrypoint = exec(rest)
      return
    case "CMD":
      stage.command = exec(rest)
      return
    case "EXPOSE":
    case "HEALTHCHECK":
      return
    default:
      throw new Error(`unknown instruction ${instruction}`)
  }
}

/** The stages of a Dockerfile, in order. Throws on an instruction it does not know. */
export const parse = (text: string): ReadonlyArray<Stage> => {
  const stages: Array<Draft> = []
  for (const row of instructions(text)) {
    const instruction = row.slice(0, row.search(/\s|$/)).toUpperCase()
    const rest = row.slice(instruction.length).trim()
    if (instruction === "FROM") {
      const [image = "", , name] = words(rest)
      stages.push({ name, image, steps: [], user: undefined, entrypoint: [], command: [] })
      continue
    }
    const stage = stages.at(-1)
    if (stage === undefined) throw new Error(`${instruction} before the first FROM`)
    apply(stage, instruction, rest)
  }
  return stages
}

/** Whether `.dockerignore`, in the form "everything but the lines with !", lets a path of the context through. */
export const inContext = (ignore: string, path: string): boolean => {
  const rows = ignore.split("\n").map((row) => row.trim()).filter((row) => row !== "" && !row.startsWith("#"))
  if (rows[0] !== "*" || rows.slice(1).some((row) => !row.startsWith("!"))) {
    throw new Error(".dockerignore must leave out everything (*) and then name what stays (!path)")
  }
  const clean = path.replace(/^\.\//, "").replace(/\/$/, "")
  return rows.slice(1).some((row) => clean === row.slice(1) || clean.startsWith(`${row.slice(1)}/`))
}
