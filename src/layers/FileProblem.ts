/** Why a file that a person names cannot be had. */

const WHY: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "this process may not read it",
  EPERM: "this process may not read it",
  EISDIR: "it is a directory"
}

/** In words, from what reading it threw; never anything of what is in it. */
export const of = (error: unknown): string => {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error)
  return `cannot be read: ${WHY[code] ?? code}`
}
