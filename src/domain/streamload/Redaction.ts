/**
 * Takes out of the messages of others (StarRocks, drivers, the runtime) what must not reach a log or an error: row values
 * and credentials. What is quoted is a value unless the word before it says that it is a name.
 */

/** Characters of a message that are kept: enough for every known text, too little to carry a document. */
const MESSAGE_CHARACTERS_MAX = 500

/** Words after which a row, a value or a part of one follows. */
const VALUE_FOLLOWS =
  /\b(rows?|values?|keys?|data|detail|record|line|document|input|content|failing row contains)(\s*[:=]\s*|\s*(?=\()).*/i

/** What is quoted after these is a name: of a table, a column, a limit's subject. */
const NAME_BEFORE =
  /\b(?:table|columns?|database|db|partition|user|label|catalog|host|reference|property|variable|header|of)\W{0,3}$/i

const QUOTED = /(?<=^|[\s(=:,[])(["'`])(.*?)(?:\1(?=$|[^\w])|$)/g

/** The message on one line, without the values it quotes. Names of tables, columns and labels stay. */
export const redact = (message: string): string => {
  const safe = message
    .replace(/\s+/g, " ")
    .replace(/:\/\/[^/@\s]*@/g, "://")
    .replace(/\b(basic|bearer)\s+[\w+/=.~-]{16,}/gi, "$1 …")
    .replace(/\b(illegal json started with)\b.*/i, "$1 …")
    .replace(/\b(string|decimal|value) '.*?'(?=\s*\(length=| is )/gi, "$1 '…'")
    .replace(VALUE_FOLLOWS, "$1$2…")
    .replace(/(\{|\[(?=\s*["{[])).*/, "$1…")
    .replace(
      QUOTED,
      (text: string, quote: string, _inner: string, at: number, whole: string) =>
        NAME_BEFORE.test(whole.slice(0, at)) ? text : `${quote}…${quote}`
    )
    .trim()
  return safe.length <= MESSAGE_CHARACTERS_MAX ? safe : `${safe.slice(0, MESSAGE_CHARACTERS_MAX)}…`
}
