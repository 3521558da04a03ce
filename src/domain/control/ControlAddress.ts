/** The address of a control plane as a person writes it: `host:port`, `[::1]:port`. */
import * as Option from "effect/Option"

export interface ControlAddress {
  /** A name or an IP address, IPv6 without its brackets. */
  readonly host: string
  readonly port: number
  /** As a person would write it. */
  readonly text: string
}

const PORT_MAX = 65_535
const FORM = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/

/** Reads `host:port`; an IPv6 address stands in brackets, and no scheme comes before it. */
export const parse = (text: string): Option.Option<ControlAddress> => {
  const match = FORM.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host !== undefined && port >= 1 && port <= PORT_MAX ? Option.some({ host, port, text }) : Option.none()
}
