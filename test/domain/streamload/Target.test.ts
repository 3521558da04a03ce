import { assert, describe, it } from "@effect/vitest"
import type { LoadRequest } from "../../../src/domain/Load.ts"
import * as Lsn from "../../../src/domain/Lsn.ts"
import * as Target from "../../../src/domain/streamload/Target.ts"

const request: LoadRequest = {
  target: { schema: "shop", name: "orders" },
  label: "dbmazz_1",
  columns: undefined,
  body: new Uint8Array(12),
  rowCount: 1,
  run: "r",
  lastCommitLsn: Lsn.Lsn.make(1n)
}

const FRONT_END = new URL("http://sr.example:8030")
const redirected = (location: string | undefined, configured = FRONT_END) =>
  Target.redirectTarget(configured, configured, location)?.href

describe("the request", () => {
  it("a row that does not fit fails the load instead of becoming NULL or vanishing", () => {
    const headers = Target.loadHeaders(request, "Basic x")
    assert.strictEqual(headers["strict_mode"], "true")
    assert.strictEqual(headers["max_filter_ratio"], "0")
  })

  it("T68 a batch of more than 100 MB of JSON is not refused", () => {
    assert.strictEqual(Target.loadHeaders(request, "Basic x")["ignore_json_size"], "true")
  })

  it("carries label, format, length and the wish to be asked for the body", () => {
    const headers = Target.loadHeaders(request, "Basic x")
    assert.strictEqual(headers["label"], "dbmazz_1")
    assert.strictEqual(headers["format"], "json")
    assert.strictEqual(headers["Content-Length"], "12")
    assert.strictEqual(headers["Expect"], "100-continue")
    assert.strictEqual(headers["timeout"], "600")
    assert.isFalse("columns" in headers)
    assert.isFalse("partial_update" in headers)
  })

  it("CSV says how its fields are marked; the headers of JSON do not reach it", () => {
    const headers = Target.loadHeaders({ ...request, format: "csv", columns: "`id`" }, "Basic x")
    assert.deepInclude(headers, { format: "csv", column_separator: ",", enclose: "\"", escape: "^", columns: "`id`" })
    assert.deepInclude(headers, { strict_mode: "true", max_filter_ratio: "0" })
    assert.isFalse("ignore_json_size" in headers)
  })

  it("T67 a partial load says so", () => {
    assert.strictEqual(Target.loadHeaders({ ...request, partialUpdate: true }, "Basic x")["partial_update"], "true")
    assert.isFalse("partial_update" in Target.loadHeaders({ ...request, partialUpdate: false }, "Basic x"))
  })

  it("a column name outside ASCII reaches StarRocks as UTF-8", () => {
    const columns = "id,straße,b=to_binary(x,'hex')"
    const header = Target.loadHeaders({ ...request, columns }, "Basic x")["columns"] ?? ""
    assert.strictEqual(Buffer.from(header, "latin1").toString("utf8"), columns)
  })

  it("a table name cannot lead to another path", () => {
    const path = Target.loadPath({ ...request, target: { schema: "a/b", name: "c?d#e" } })
    assert.strictEqual(path, "/api/a%2Fb/c%3Fd%23e/_stream_load")
    assert.strictEqual(Target.labelStatePath("d", "l&x=1"), "/api/d/get_load_state?label=l%26x%3D1")
  })
})

describe("a redirect", () => {
  it("14 T69 to 127.0.0.1 of a container goes to the host that was configured", () => {
    for (const loopback of ["127.0.0.1", "localhost", "127.0.1.1", "[::1]"]) {
      assert.strictEqual(
        redirected(`http://${loopback}:8040/api/d/t/_stream_load`),
        "http://sr.example:8040/api/d/t/_stream_load"
      )
    }
  })

  it("between processes of one machine stays where it points", () => {
    assert.strictEqual(
      redirected("http://127.0.0.1:8040/x", new URL("http://localhost:8030")),
      "http://127.0.0.1:8040/x"
    )
  })

  it("to a named back end is followed as it is", () => {
    assert.strictEqual(redirected("http://10.0.0.7:8040/x?y=1"), "http://10.0.0.7:8040/x?y=1")
    assert.strictEqual(redirected("/other"), "http://sr.example:8030/other")
  })

  it("drops a user and password somebody put into it", () => {
    assert.strictEqual(redirected("http://root:pw@10.0.0.7:8040/x"), "http://10.0.0.7:8040/x")
  })

  it("to nowhere is not followed", () => {
    for (const location of [undefined, "http://", "file:///etc/passwd", "ftp://h/x"]) {
      assert.isUndefined(redirected(location))
    }
  })
})
