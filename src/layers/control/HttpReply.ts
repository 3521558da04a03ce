/** Answers of the HTTP control plane: JSON, never cached, never guessed to be something else by a browser. */
import * as HttpServerResponse from "effect/http/HttpServerResponse"

const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" }

/**
 * 64-bit numbers are JSON numbers, as in dbmazz v2; above 2^53 − 1, which no number of a running job reaches in practice,
 * they are decimal strings, because most readers of JSON would round them.
 */
const plain = (_key: string, value: unknown): unknown => {
  if (typeof value !== "bigint") return value
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString()
}

/** The members of an answer's class, to which others can be added. */
export const fields = <A extends object>(answer: A): { readonly [Name in keyof A]: A[Name] } =>
  Object.assign({}, answer)

export const json = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(`${JSON.stringify(body, plain)}\n`, {
    status,
    contentType: "application/json",
    headers: { ...HEADERS, ...headers }
  })

export const text = (body: string, contentType: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(body, { contentType, headers: HEADERS })

/** A request that is not carried out. `error` says what was wrong with it and what to send. */
export const refuse = (
  status: number,
  error: string,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse => json(status, { error }, headers)
