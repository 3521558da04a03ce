import { assert, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as LoadHeaders from "../../../../src/layers/embedded/starrocks/LoadHeaders.ts"

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` })

it("reads user and password, with colons in the password and a cluster behind the user", () => {
  assert.deepStrictEqual(LoadHeaders.credentials(basic("root:")), { user: "root", password: "" })
  assert.deepStrictEqual(LoadHeaders.credentials(basic("a@cluster:p:w")), { user: "a", password: "p:w" })
  assert.isUndefined(LoadHeaders.credentials(basic("nocolon")))
  assert.isUndefined(LoadHeaders.credentials({ authorization: "Bearer x" }))
  assert.isUndefined(LoadHeaders.credentials({}))
})

it("checks the early headers in the server's order", () => {
  const first = (headers: Record<string, string>) =>
    LoadHeaders.early(headers).pipe(Result.match({ onFailure: (message) => message, onSuccess: () => "ok" }))
  assert.match(first({ format: "xml", timeout: "x" }), /unknown data format/)
  assert.match(first({ format: "json", timeout: "x" }), /Invalid timeout format/)
  assert.match(first({ timeout: "0" }), /Invalid timeout/)
  assert.match(first({ timeout: "259201" }), /Invalid timeout/)
  assert.strictEqual(first({ timeout: "259200", format: "Json" }), "ok")
  assert.match(first({ format: "json", "content-length": "104857601" }), /exceed the max size/)
  assert.strictEqual(first({ format: "json", "content-length": "104857600" }), "ok")
})

it("has the server's defaults, and names what is wrong with the late headers", () => {
  assert.deepStrictEqual(Result.getOrThrow(LoadHeaders.late({})), {
    columns: undefined,
    where: undefined,
    stripOuterArray: false,
    strictMode: false,
    maxFilterRatio: 0,
    partialUpdate: false,
    mergeCondition: undefined,
    compression: "none"
  })
  const wrong: ReadonlyArray<readonly [Record<string, string>, RegExp]> = [
    [{ strict_mode: "1" }, /Invalid strict mode format/],
    [{ partial_update: "yes" }, /Invalid partial update flag format/],
    [{ max_filter_ratio: "1.1" }, /max_filter_ratio/],
    [{ compression: "lzo" }, /lzo/],
    [{ jsonpaths: "[\"$.a\"]" }, /jsonpaths/],
    [{ log_rejected_record_num: "-2" }, /log_rejected_record_num/]
  ]
  for (const [headers, expected] of wrong) {
    const result = LoadHeaders.late(headers)
    assert.match(Result.isFailure(result) ? result.failure : "accepted", expected)
  }
})

it("reads names of columns as UTF-8", () => {
  const columns = Buffer.from("id,größe").toString("latin1")
  assert.strictEqual(Result.getOrThrow(LoadHeaders.late({ columns })).columns, "id,größe")
})
