/** Writes names and texts so that the tokens of the dialect read them back the same. */

/** A name in backticks. */
export const quotedName = (name: string): string => `\`${name.replaceAll("`", "``")}\``

/** A text in double quotes. */
export const quotedText = (text: string): string => `"${text.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"")}"`
