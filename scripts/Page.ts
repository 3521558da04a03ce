/** A page of the documentation that is made from code. */
import * as fs from "node:fs"

/** The formatter pads tables; what counts is what the cells say. */
const bare = (text: string): string => text.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-")

/** Writes the page, or with `--check` on the command line fails when it is not what `command` would write. */
export const write = (file: string, text: string, command: string): void => {
  const page = new URL(`../${file}`, import.meta.url)
  if (!process.argv.includes("--check")) return fs.writeFileSync(page, text)
  const current = fs.existsSync(page) ? fs.readFileSync(page, "utf8") : ""
  if (bare(current) === bare(text)) return
  console.error(`${file} is stale; run: ${command}`)
  process.exitCode = 1
}
