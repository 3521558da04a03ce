/**
 * Where a run of the tests keeps its files: in memory where there is room, since a run makes and removes some hundred
 * thousand of them, and a disk's file system takes most of a server's start for that. What a test proves by killing a
 * process is the same there: only the power would make a difference.
 */
import * as fs from "node:fs/promises"
import { freemem, tmpdir } from "node:os"
import * as path from "node:path"

const VARIABLE = "DBMAZZ_TEST_DIRECTORY"
const MEMORY = "/dev/shm"
/** Twice what the files of a run have taken at once; in bytes. */
const ROOM_BYTES_MIN = 4 * 1024 ** 3
/** PostgreSQL does not run as root; whom it runs as instead must get through to its own directory. */
const MODE = 0o711

/** Programs may be started from there: those of PostgreSQL are, when its user cannot reach the installed ones. */
const isExecutable = async (directory: string): Promise<boolean> => {
  const file = path.join(directory, "program")
  await fs.writeFile(file, "", { mode: 0o700 })
  const answer = await fs.access(file, fs.constants.X_OK).then(() => true, () => false)
  await fs.rm(file)
  return answer
}

const make = async (parent: string): Promise<string> => {
  const directory = await fs.mkdtemp(path.join(parent, "dbmazz-test-"))
  await fs.chmod(directory, MODE)
  return directory
}

const makeInMemory = async (): Promise<string | undefined> => {
  try {
    const { bavail, bsize } = await fs.statfs(MEMORY)
    if (Math.min(bavail * bsize, freemem()) < ROOM_BYTES_MIN) return undefined
    const directory = await make(MEMORY)
    if (await isExecutable(directory)) return directory
    await fs.rm(directory, { recursive: true })
  } catch {
    // This machine has no such place, or none for us: the disk does as well, only slower.
  }
  return undefined
}

/** The directory of this run; undefined when no run of vitest has made one. */
export const current = (): string | undefined => process.env[VARIABLE]

/** Vitest's global setup, which it calls once a project: makes the directory, and removes it with all that is left in it. */
export const setup = async (): Promise<(() => Promise<void>) | undefined> => {
  if (current() !== undefined) return undefined
  const directory = await makeInMemory() ?? await make(tmpdir())
  process.env[VARIABLE] = directory
  process.env["TMPDIR"] = directory
  return () => fs.rm(directory, { recursive: true, force: true })
}
