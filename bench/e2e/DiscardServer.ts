/**
 * A Stream Load server that takes every load, counts its lines and throws it away: what is left of a run is the cost of
 * the program itself. A process of its own, so that its work is not counted as ours.
 */
import { createServer } from "node:http"

const NEWLINE = 0x0a

const server = createServer((request, response) => {
  let rows = 0
  let bytes = 0
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) rows += 1
  })
  request.on("end", () => {
    const reply = {
      TxnId: 1,
      Label: request.headers["label"],
      Status: "Success",
      Message: "OK",
      NumberTotalRows: rows,
      NumberLoadedRows: rows,
      NumberFilteredRows: 0,
      NumberUnselectedRows: 0,
      LoadBytes: bytes,
      LoadTimeMs: 0
    }
    response.end(JSON.stringify(reply))
  })
})

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  console.log(JSON.stringify({ port: typeof address === "object" ? address?.port : undefined }))
})
process.on("SIGTERM", () => server.close())
