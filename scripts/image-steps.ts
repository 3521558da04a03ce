/**
 * Does what the Dockerfile does, without Docker: each stage becomes a folder, each COPY a copy, each RUN a command in
 * it, and the result is started with the image's entry point. `npm run image:steps` takes a minute or two.
 *
 * What it cannot show: that the base image holds what the steps expect, file ownership and USER.
 */
import { execFileSync, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as Dockerfile from "./Dockerfile.ts"

const root = path.join(import.meta.dirname, "..")
const ignore = fs.readFileSync(path.join(root, ".dockerignore"), "utf8")
const stages = Dockerfile.parse(fs.readFileSync(path.join(root, "Dockerfile"), "utf8"))
const work = fs.mkdtempSync(path.join(os.tmpdir(), "dbmazz-image-"))

const EXIT_SETUP = 78

const PATH = `${path.dirname(process.execPath)}${path.delimiter}${process.env["PATH"] ?? ""}`

/** For RUN: this machine's network settings, but nothing of the `npm run` that started this script. */
const buildEnv: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|NODE_ENV$)/.test(name))),
  PATH
}

const folderOf = (stage: Dockerfile.Stage): string =>
  path.join(work, `${stages.indexOf(stage)}-${stage.name ?? "final"}`)

const sourceFolder = (step: Dockerfile.Copy): string => {
  if (step.from === undefined) return root
  const stage = stages.find((each) => each.name === step.from)
  if (stage === undefined) throw new Error(`COPY --from=${step.from}: there is no such stage`)
  return folderOf(stage)
}

const copy = (step: Dockerfile.Copy, folder: string, cwd: string): void => {
  const target = path.isAbsolute(step.target) ? path.join(folder, step.target) : path.join(cwd, step.target)
  for (const name of step.sources) {
    if (step.from === undefined && !Dockerfile.inContext(ignore, name)) {
      throw new Error(`COPY ${name}: .dockerignore keeps it out of the context`)
    }
    const source = path.join(sourceFolder(step), name)
    const isFolder = fs.statSync(source).isDirectory()
    const into = !isFolder && (step.target.endsWith("/") || step.sources.length > 1)
    fs.cpSync(source, into ? path.join(target, path.basename(name)) : target, {
      recursive: true,
      verbatimSymlinks: true
    })
  }
}

/** Carries out a stage and returns its working folder and environment. */
const build = (stage: Dockerfile.Stage): { readonly cwd: string; readonly env: Record<string, string> } => {
  const folder = folderOf(stage)
  fs.mkdirSync(folder, { recursive: true })
  const env: Record<string, string> = {}
  let cwd = folder
  for (const step of stage.steps) {
    switch (step._tag) {
      case "WorkDir":
        cwd = path.join(folder, step.path)
        fs.mkdirSync(cwd, { recursive: true })
        break
      case "Env":
        env[step.name] = step.value
        break
      case "Copy":
        console.log(`[${stage.name ?? "final"}] COPY ${step.sources.join(" ")} -> ${step.target}`)
        copy(step, folder, cwd)
        break
      case "Run":
        console.log(`[${stage.name ?? "final"}] RUN ${step.command}`)
        execFileSync("/bin/sh", ["-c", step.command], { cwd, env: { ...buildEnv, ...env }, stdio: "inherit" })
        break
    }
  }
  return { cwd, env }
}

/** Starts the image with the given arguments instead of its CMD, configured by nothing but the image's own ENV. */
const start = (
  stage: Dockerfile.Stage,
  built: ReturnType<typeof build>,
  args: ReadonlyArray<string>,
  wanted: number
): boolean => {
  const [program = "", ...first] = stage.entrypoint
  const result = spawnSync(program, [...first, ...args], {
    cwd: built.cwd,
    env: { ...built.env, PATH },
    encoding: "utf8",
    timeout: 30_000
  })
  const shown = `${stage.entrypoint.join(" ")} ${args.join(" ")}`
  console.log(`$ ${shown}\n${result.stdout}${result.stderr}-> exit ${result.status ?? result.signal ?? "none"}`)
  if (result.status !== wanted) console.error(`${shown} should have ended with ${wanted}`)
  return result.status === wanted
}

try {
  const built = stages.map((stage) => ({ stage, ...build(stage) }))
  const last = built.at(-1)
  if (last === undefined) throw new Error("the Dockerfile has no stage")
  // Without configuration the daemon must say what is missing, not start and not crash.
  const passed = [start(last.stage, last, ["--help"], 0), start(last.stage, last, last.stage.command, EXIT_SETUP)]
  process.exitCode = passed.every((ok) => ok) ? 0 : 1
} finally {
  fs.rmSync(work, { recursive: true, force: true })
}
