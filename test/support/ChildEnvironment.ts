/** What a program that a test starts takes over from the test's own environment: nothing that a setting could come from. */
export const own = (): NodeJS.ProcessEnv => {
  const { HOME, NODE_COMPILE_CACHE, PATH, TMPDIR } = process.env
  return { HOME, NODE_COMPILE_CACHE, PATH, TMPDIR }
}
