/** What a failed TLS handshake means, and what a person does about it: the one table from OpenSSL's words to ours. */

/** Which settings the remedies name. */
export type Side = "source" | "sink"

/** `error`: what is wrong, without the host; `remedy`: what to change. Neither holds key material. */
export interface TlsProblem {
  readonly error: string
  readonly remedy: string
}

interface Settings {
  readonly url: string
  readonly mode: string
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const SETTINGS: Readonly<Record<Side, Settings>> = {
  source: {
    url: "SOURCE_URL",
    mode: "sslmode",
    ca: "SOURCE_TLS_CA (sslrootcert)",
    cert: "SOURCE_TLS_CERT (sslcert)",
    key: "SOURCE_TLS_KEY (sslkey)"
  },
  sink: { url: "SINK_URL", mode: "SINK_TLS", ca: "SINK_TLS_CA", cert: "SINK_TLS_CERT", key: "SINK_TLS_KEY" }
}

/** The variable, and the URL's parameter, that name a file. */
export const settingOf = (side: Side, file: "ca" | "cert" | "key"): string => SETTINGS[side][file]

const clientCertificate = (settings: Settings): string =>
  `Set ${settings.cert} and ${settings.key} to a certificate that is valid and signed by an authority the server believes.`

type Row = readonly [
  sign: RegExp,
  error: (words: string) => string,
  remedy: (settings: Settings) => string
]

/** The first row whose sign is in the code or in the words. */
const ROWS: ReadonlyArray<Row> = [
  [
    /alert certificate required|CERTIFICATE_REQUIRED|peer did not return a certificate/i,
    () => "the server asks for a client certificate",
    clientCertificate
  ],
  [
    /alert (unknown ca|bad certificate|certificate (expired|revoked|unknown)|unsupported certificate|access denied|decrypt error)/i,
    (words) => `the server refused the client certificate (${words})`,
    clientCertificate
  ],
  [
    /CERT_HAS_EXPIRED|certificate has expired/i,
    () => "the server's TLS certificate has expired",
    () => "Renew the server's certificate, and check the clocks of both machines."
  ],
  [
    /CERT_NOT_YET_VALID|certificate is not yet valid/i,
    () => "the server's TLS certificate is not valid yet",
    () => "Check the clocks of both machines."
  ],
  [
    /CERT_REVOKED|certificate revoked/i,
    () => "the server's TLS certificate is revoked",
    () => "Give the server another certificate."
  ],
  [
    /ALTNAME_INVALID|does not match certificate/i,
    (words) => `the server's TLS certificate is for another host (${words})`,
    (settings) =>
      `Use a name of the certificate in ${settings.url}, have the certificate issued for this host, or set ` +
      `${settings.mode}=verify-ca, which leaves the name unchecked.`
  ],
  [
    /SELF_SIGNED|self.signed|UNABLE_TO_|unable to (get|verify|decode|decrypt)|CERT_UNTRUSTED|CERT_REJECTED|INVALID_CA|INVALID_PURPOSE|CERT_CHAIN_TOO_LONG|PATH_LENGTH|CERT_SIGNATURE_FAILURE|certificate signature failure|not trusted|unsuitable certificate purpose|invalid CA/i,
    (words) => `the server's TLS certificate is not trusted (${words})`,
    (settings) => `Set ${settings.ca} to the PEM file of the authority that signed it.`
  ],
  [
    /WRONG_VERSION_NUMBER|wrong version number|packet length too long|http request/i,
    () => "the server does not speak TLS on this port",
    (settings) => `Check scheme and port of ${settings.url}, and ${settings.mode}.`
  ],
  [
    /UNSUPPORTED_PROTOCOL|unsupported protocol|protocol version|NO_PROTOCOLS|NO_SHARED_CIPHER|handshake failure/i,
    (words) => `the server and this program agree on no version or cipher of TLS (${words})`,
    (settings) =>
      `Let the server offer TLS 1.2 or 1.3; when it asks for a client certificate, set ${settings.cert} and ${settings.key}.`
  ],
  [
    /^(ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO|CERT_|CRL_)|SSL routines/i,
    (words) => `the TLS handshake failed (${words})`,
    (settings) => `Check the server's TLS settings, ${settings.mode}, ${settings.ca} and ${settings.cert}.`
  ]
]

/** OpenSSL wraps its phrase in addresses and file names. */
const phrase = (text: string): string => (/SSL routines:[^:]*:([^:]+):/.exec(text)?.[1] ?? text).trim()

/** What the failure is about; undefined when it is no matter of TLS (the network, for instance). */
export const of = (side: Side, code: string, text: string): TlsProblem | undefined => {
  const words = phrase(text)
  // The code's underscores make it as readable as the words.
  const signs = `${code} ${code.replaceAll("_", " ")} ${text}`
  for (const [sign, error, remedy] of ROWS) {
    if (sign.test(signs)) return { error: error(words), remedy: remedy(SETTINGS[side]) }
  }
  return undefined
}

/** A server that has no TLS to offer where it was asked for. */
export const notOffered = (side: Side, mode: string): TlsProblem => ({
  error: `the server offers no TLS, and ${SETTINGS[side].mode}=${mode} asks for it`,
  remedy: side === "source"
    ? "Turn ssl on in postgresql.conf; only where the network is trusted, set sslmode=prefer or disable."
    : "Set ssl_keystore_location in fe.conf; only where the network is trusted, set SINK_TLS=disable."
})

/** What a person does about PostgreSQL's own refusal of a connection, when TLS is what it is about. */
export const remedyOfRefusal = (text: string): string | undefined => {
  const settings = SETTINGS.source
  if (/client certificate/i.test(text)) return clientCertificate(settings)
  if (/certificate authentication failed/i.test(text)) {
    return `Use the certificate (${settings.cert}) whose common name is the role, or map it in pg_ident.conf.`
  }
  return /pg_hba\.conf.*(no encryption|SSL off)/is.test(text)
    ? "The server lets nobody in without TLS here, or nobody at all: set sslmode=require or stricter, or add a rule to pg_hba.conf."
    : undefined
}
