/** How a CSV body marks its rows and fields: the values of the headers that say so, checked and decoded. */
import * as Result from "effect/Result"

/** The marks of a CSV body. */
export interface CsvFormat {
  readonly columnSeparator: string
  readonly rowDelimiter: string
  /** Lines left out at the start of the body, whatever they hold. */
  readonly skipHeader: number
  readonly trimSpace: boolean
  /** The ASCII code of the byte around a field; undefined when fields are not enclosed. */
  readonly enclose: number | undefined
  /** The ASCII code of the byte that takes the next one's meaning away; undefined when nothing does. */
  readonly escape: number | undefined
}

/** What a body without headers is: fields between tabs, rows between newlines. */
export const standard: CsvFormat = {
  columnSeparator: "\t",
  rowDelimiter: "\n",
  skipHeader: 0,
  trimSpace: false,
  enclose: undefined,
  escape: undefined
}

/** Bytes of the longest separator. */
const separatorBytesMax = 50

const escapes: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", "\\": "\\" }

const fromHex = (written: string): Result.Result<string, string> => {
  const digits = written.slice(2)
  // The texts with their odd quoting are the server's.
  if (digits === "") return Result.fail(`Invalid delimiter '${written}: empty hex string`)
  if (digits.length % 2 !== 0) return Result.fail(`Invalid delimiter '${written}: hex length must be a even number`)
  if (!/^[0-9a-fA-F]+$/.test(digits)) return Result.fail(`Invalid delimiter '${written}': invalid hex format`)
  const bytes = Buffer.from(digits, "hex")
  // The server widens such bytes into other characters, so they never match what the body holds.
  if (bytes.some((byte) => byte > 0x7f)) {
    return Result.fail(`Invalid delimiter '${written}': bytes above 7f do not work as separators`)
  }
  return Result.succeed(bytes.toString("latin1"))
}

const unescaped = (written: string): Result.Result<string, string> => {
  let text = ""
  for (let index = 0; index < written.length; index++) {
    const character = written.charAt(index)
    if (character !== "\\" || index === written.length - 1) {
      text += character
      continue
    }
    index += 1
    const meant = escapes[written.charAt(index)]
    if (meant === undefined) {
      return Result.fail(
        `Invalid delimiter '${written}': \\${written.charAt(index)} is no escape; use the form \\x5c7c`
      )
    }
    text += meant
  }
  return Result.succeed(text)
}

/**
 * The separator that a header's value means: the characters themselves, `\t`, `\n`, `\r` and `\\`, or the hexadecimal form
 * `\x0d0a` or `0x0d0a` of ASCII bytes. Fails with the server's message when it is none or longer than 50 bytes.
 */
export const separator = (
  written: string,
  what: "column separator" | "row delimiter"
): Result.Result<string, string> => {
  const decoded = /^(?:\\|0)x/i.test(written) ? fromHex(written) : unescaped(written)
  return decoded.pipe(Result.flatMap((text) =>
    Buffer.byteLength(text) > separatorBytesMax
      ? Result.fail(`The valid bytes length for '${what}' is [1, ${separatorBytesMax}]`)
      : Result.succeed(text)
  ))
}

/** The first byte of a header's value, as `enclose` and `escape` take it; it has to be ASCII. */
export const mark = (written: string, header: "enclose" | "escape"): Result.Result<number, string> => {
  const code = written.charCodeAt(0)
  return code > 0x7f
    ? Result.fail(`Invalid ${header} '${written}': it must be a single-byte character`)
    : Result.succeed(code)
}
