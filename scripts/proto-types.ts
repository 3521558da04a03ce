/**
 * Writes the types of the gRPC messages and services from their proto files into src/layers/control/proto; with `--check`
 * it only says which files are stale.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const COMMAND = "npm run proto:types"
const root = path.join(import.meta.dirname, "..")
const target = path.join(root, "src/layers/control/proto")

/** The types must fit how src/layers/control/GrpcProto.ts loads the same files. */
const GENERATOR = [
  "dbmazz.proto",
  "health.proto",
  "--keepCase",
  "--longs=String",
  "--enums=String",
  "--defaults",
  "--includeComments",
  "--grpcLib=@grpc/grpc-js",
  "--importFileExtension=.ts",
  "--includeDirs",
  "proto"
]
/** Types of a whole package as one object: nobody needs them, the services' types are enough. */
const UNUSED = ["dbmazz.ts", "health.ts"]

const run = (command: string, args: ReadonlyArray<string>, input: string): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd: root, encoding: "utf8", input })
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr}`)
  return stdout
}

const bin = (name: string): string => path.join(root, "node_modules/.bin", name)

/** Every file of a folder, by its path in it. */
const read = (folder: string): ReadonlyMap<string, string> => {
  if (!fs.existsSync(folder)) return new Map()
  const files = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
  return new Map(files.sort().map((name) => [name, fs.readFileSync(path.join(folder, name), "utf8")]))
}

const generate = (): ReadonlyMap<string, string> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "dbmazz-proto-"))
  try {
    run(process.execPath, [bin("proto-loader-gen-types"), ...GENERATOR, "--outDir", folder], "")
    const files = [...read(folder)].filter(([name]) => !UNUSED.includes(name))
    return new Map(files.map(([name, text]) => [name, run(bin("dprint"), ["fmt", "--stdin", name], text)]))
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

const wanted = generate()
const current = read(target)

if (process.argv.includes("--check")) {
  const names = new Set([...wanted.keys(), ...current.keys()])
  for (const name of names) {
    if (wanted.get(name) === current.get(name)) continue
    console.error(`src/layers/control/proto/${name} is stale; run: ${COMMAND}`)
    process.exitCode = 1
  }
} else {
  fs.rmSync(target, { recursive: true, force: true })
  for (const [name, text] of wanted) {
    fs.mkdirSync(path.dirname(path.join(target, name)), { recursive: true })
    fs.writeFileSync(path.join(target, name), text)
  }
}
