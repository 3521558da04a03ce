/** A port that nobody listens on at the moment, for a server that is to listen there. */
import { createServer } from "node:net"

/** Of 127.0.0.1. */
export const find = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject)
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address()
      const port = typeof address === "object" && address !== null ? address.port : undefined
      probe.close(() => port === undefined ? reject(new Error("no free port")) : resolve(port))
    })
  })
