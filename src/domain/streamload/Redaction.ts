/** Takes out of StarRocks' messages what must not reach a log or an error: row values and user information of URLs. */

/** Characters of a message that are kept: enough for every known text, too little to carry a document. */
const MESSAGE_CHARACTERS_MAX = 500

/** The message on one line, without the values it quotes. Names of tables, columns and labels stay. */
export const redact = (message: string): string => {
  const safe = message
    .replace(/\s+/g, " ")
    .replace(/:\/\/[^/@\s]*@/g, "://")
    .replace(/\b(illegal json started with)\b.*/i, "$1 …")
    .replace(/\b(rows?|values?|data|record|line|document)(\s*[:=]\s*).*/i, "$1$2…")
    .replace(/\b(string|decimal|value) '.*?'(?=\s*\(length=| is )/gi, "$1 '…'")
    .trim()
  return safe.length <= MESSAGE_CHARACTERS_MAX ? safe : `${safe.slice(0, MESSAGE_CHARACTERS_MAX)}…`
}
