import { assert, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { credentials } from "../../../../src/layers/embedded/starrocks/http/RequestHeaders.ts"
import * as LoadHeaders from "../../../../src/layers/embedded/starrocks/load/LoadHeaders.ts"

const bodyBytesMax = 200_000_000

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` })

it("reads user and password, with colons in the password and a cluster behind the user", () => {
  assert.deepStrictEqual(credentials(basic("root:")), { user: "root", password: "" })
  assert.deepStrictEqual(credentials(basic("a@cluster:p:w")), { user: "a", password: "p:w" })
  assert.isUndefined(credentials(basic("nocolon")))
  assert.isUndefined(credentials({ authorization: "Bearer x" }))
  assert.isUndefined(credentials({}))
})

it("checks the early headers in the server's order", () => {
  const first = (headers: Record<string, string>) =>
    LoadHeaders.early(headers, bodyBytesMax).pipe(
      Result.match({ onFailure: (message) => message, onSuccess: () => "ok" })
    )
  assert.match(first({ format: "xml", timeout: "x" }), /unknown data format/)
  assert.match(first({ format: "json", timeout: "x" }), /Invalid timeout format/)
  assert.match(first({ timeout: "0" }), /Invalid timeout/)
  assert.match(first({ timeout: "259201" }), /Invalid timeout/)
  assert.strictEqual(first({ timeout: "259200", format: "Json" }), "ok")
  assert.match(first({ enable_merge_commit: "true" }), /merge commit is not supported/)
  assert.match(first({ enable_merge_commit: "1" }), /^Invalid parameter enable_merge_commit. The value must be bool/)
  assert.strictEqual(first({ enable_merge_commit: "FALSE", format: "GZIP" }), "ok")
  assert.match(first({ format: "json", "content-length": "104857601" }), /exceed the max size/)
  assert.match(first({ format: "xml", "content-length": "200000001" }), /^body size 200000001 exceed limit: 200000000,/)
  assert.strictEqual(first({ format: "json", "content-length": "104857600" }), "ok")
})

it("has the server's defaults, and names what is wrong with the late headers", () => {
  assert.deepStrictEqual(Result.getOrThrow(LoadHeaders.late({})), {
    format: "csv",
    columns: undefined,
    partitions: undefined,
    where: undefined,
    csv: {
      columnSeparator: "\t",
      rowDelimiter: "\n",
      skipHeader: 0,
      trimSpace: false,
      enclose: undefined,
      escape: undefined
    },
    stripOuterArray: false,
    selection: undefined,
    strictMode: false,
    maxFilterRatio: 0,
    partialUpdate: false,
    partialUpdateMode: "row",
    mergeCondition: undefined,
    timezone: undefined,
    compression: "none"
  })
  const wrong: ReadonlyArray<readonly [Record<string, string>, RegExp]> = [
    [{ strict_mode: "1" }, /^Invalid strict mode format. Must be bool type$/],
    [{ partial_update: "yes" }, /^Invalid partial update flag format/],
    [{ trim_space: "1" }, /^Invalid trim space format. Must be bool type$/],
    [{ skip_header: "-1" }, /^skip_header must be equal or greater than 0$/],
    [{ skip_header: "one" }, /^Invalid csv load skip_header format$/],
    [{ column_separator: "\\x0" }, /^Invalid delimiter '\\x0: hex length must be a even number$/],
    [{ column_separator: "0x" }, /^Invalid delimiter '0x: empty hex string$/],
    [{ row_delimiter: "\\x0g" }, /^Invalid delimiter '\\x0g': invalid hex format$/],
    [{ row_delimiter: "\\xff" }, /^Invalid delimiter/],
    [{ row_delimiter: "\\q" }, /^Invalid delimiter/],
    [{ column_separator: "x".repeat(51), format: "json" }, /valid bytes length for 'column separator' is \[1, 50\]/],
    [{ enclose: Buffer.from("ä").toString("latin1") }, /^Invalid enclose/],
    [{ max_filter_ratio: "1.1" }, /max_filter_ratio/],
    [{ partitions: "p", temporary_partitions: "q" }, /^Can not specify both partitions and temporary partitions$/],
    [{ temporary_partitions: "p" }, /temporary_partitions is not supported/],
    [{ format: "json", compression: "lzo" }, /^Unsupported compression type: lzo$/],
    [{ format: "json", compression: "bzip2" }, /bzip2 is not supported/],
    [{ format: "json", "content-encoding": "LZ4" }, /lz4 is not supported.*lz4_frame/],
    [{ compression: "gzip" }, /only JSON is decompressed by this header/],
    [{ compression: "gzip", "content-encoding": "gzip" }, /^Only one of http header/],
    [{ format: "bzip2" }, /bzip2 is not supported/],
    [{ format: "json", jsonpaths: "$.a" }, /^Invalid json path: \$\.a$/],
    [{ format: "json", jsonpaths: "[\"$.a\",1]" }, /^Invalid json path/],
    [{ format: "json", jsonpaths: "[\"$.a[*]\"]" }, /\[\*\].*wildcard/],
    [{ format: "json", json_root: "$" }, /^empty json path$/],
    [{ format: "json", json_root: "a" }, /^Invalid json path: a$/],
    [{ envelope: "debezium" }, /envelope is not supported/],
    [{ timezone: "Nowhere/Land" }, /^Unknown or incorrect time zone: 'Nowhere\/Land'$/],
    [{ load_mem_limit: "x" }, /^Invalid load mem limit format$/],
    [{ load_mem_limit: "-1" }, /^load_mem_limit must be equal or greater than 0$/],
    [{ load_dop: "many" }, /^Invalid load_dop format$/],
    [{ exec_mem_limit: "0" }, /^exec_mem_limit must be greater than 0$/],
    [{ log_rejected_record_num: "-2" }, /^log_rejected_record_num must be equal or greater than -1$/],
    [{ log_rejected_record_num: "x" }, /^Invalid log_rejected_record_num format$/]
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

it("accepts what only matters elsewhere", () => {
  const headers = {
    negative: "true",
    warehouse: "w",
    transmission_compression_type: "LZ4_FRAME",
    load_dop: "4",
    exec_mem_limit: "1",
    load_mem_limit: "0",
    log_rejected_record_num: "-1",
    timezone: "+08:00",
    strip_outer_array: "yes",
    partial_update_mode: "whatever",
    jsonpaths: "not read for CSV"
  }
  const late = Result.getOrThrow(LoadHeaders.late(headers))
  assert.strictEqual(late.timezone, "+08:00")
  assert.isFalse(late.stripOuterArray)
  assert.strictEqual(late.partialUpdateMode, "row")
  assert.isUndefined(late.selection)
})

it("reads separators as they are, escaped or in hexadecimal, and a format that names a compression as CSV", () => {
  const late = (headers: Record<string, string>) => Result.getOrThrow(LoadHeaders.late(headers))
  const separator = (written: string) => late({ column_separator: written }).csv.columnSeparator
  assert.strictEqual(separator(","), ",")
  assert.strictEqual(separator("|+|"), "|+|")
  assert.strictEqual(separator("\\t"), "\t")
  assert.strictEqual(separator("\\r\\n"), "\r\n")
  assert.strictEqual(separator("\\\\"), "\\")
  assert.strictEqual(separator("\\"), "\\")
  assert.strictEqual(separator("\\x01"), "\x01")
  assert.strictEqual(separator("\\X0D0a"), "\r\n")
  assert.strictEqual(separator("0x7c7C"), "||")
  assert.strictEqual(separator(Buffer.from("ä€").toString("latin1")), "ä€")
  assert.deepStrictEqual([late({ enclose: "'x" }).csv.enclose, late({ escape: "\\" }).csv.escape], [39, 92])
  for (const format of ["gzip", "DEFLATE", "zstd"]) {
    assert.strictEqual(late({ format }).compression, format.toLowerCase())
  }
  assert.strictEqual(late({ format: "lz4" }).compression, "lz4_frame")
  assert.strictEqual(late({ format: "json", compression: "LZ4_FRAME" }).compression, "lz4_frame")
  assert.strictEqual(late({ compression: "NO_COMPRESSION" }).compression, "none")
})
