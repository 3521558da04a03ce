/** The program's SQL connection to the model sink: what gets lost on it, and when a statement begins. */
import * as Effect from "effect/Effect"
import * as SetupError from "../../src/domain/errors/SetupError.ts"
import { SrSqlError } from "../../src/domain/errors/SrSqlError.ts"
import { TransientError } from "../../src/domain/errors/TransientError.ts"
import { BODY_START_MS_MAX } from "../../src/layers/Heartbeat.ts"
import type { Row, Sending, StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import type { FaultSource } from "./Faults.ts"
import type { Sender } from "./HttpRequest.ts"
import type { Incarnation } from "./Incarnation.ts"
import * as ModelCatalogue from "./ModelCatalogue.ts"
import { CONNECT_MS_MAX, FRONT_END, type ModelHttp, PAUSES_MS } from "./ModelHttp.ts"
import type { ModelSchemaChanges } from "./ModelSchemaChanges.ts"
import type { ModelStatements } from "./ModelStatements.ts"
import type { Network } from "./Network.ts"
import type { Prng } from "./Prng.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** A statement begins within this time of its sending or not at all, in ms: the product relies on less than two seconds. */
const BEGINS_MS_MAX = 1_900
/** A program that dies because of a statement has died after this, in ms. */
const KILLED_MS_MAX = 2_000
/** A program pauses before a schema change as before any statement, and often for as long as its successor needs. */
const PAUSES_AT_SCHEMA_CHANGE_MS = [...PAUSES_MS, [2_000, BODY_START_MS_MAX], [2_000, BODY_START_MS_MAX]] as const
/** Share of statements that begin late whose connection is lost before. */
const LOST_SHARE = 0.8
/** The program waits so long for the answer to a question, in ms. */
const ANSWER_MS_MAX = 60_000

export interface MySqlWorld extends ModelCatalogue.CatalogueWorld {
  readonly faults: FaultSource
  readonly network: Network
  readonly time: VirtualTime
  readonly http: ModelHttp
  readonly statements: ModelStatements
  readonly schema: ModelSchemaChanges
  readonly connections: Prng
}

type Answer = Effect.Effect<ReadonlyArray<Row>, SrSqlError | TransientError | SetupError.SetupError>

const unreachable = new TransientError({ code: "SR_UNREACHABLE", message: "lost", remediation: "", context: {} })
const refused = SetupError.make({
  _tag: "SrConnectionFailed",
  host: FRONT_END,
  error: "Access denied for user 'root' (using password: YES)"
})
const ANY_TIME: Sending = { withinMs: ANSWER_MS_MAX, mayBegin: () => true }

/** The service of one run of the program, which says of itself what replication session it has, and what has stopped. */
export const service = (
  world: MySqlWorld,
  incarnation: Incarnation,
  sender: () => Sender
): StarRocksSql["Service"] => {
  const { connections, faults, http, network, schema, starRocks, statements, time } = world
  const { toStarRocks } = incarnation
  // The password is looked at when a connection is made, which then stands.
  let connected = false

  const whatIs = (statement: string) => schema.knows(statement) ? "schema change" : "truncation"

  const ask = (statement: string, finish: (answer: Answer) => void): void => {
    const lost = faults.happens("starrocks sql: lost") || toStarRocks.isCut
    connected = !lost && (connected || !starRocks.refusesLogin)
    const failure = lost ? unreachable : connected ? undefined : refused
    incarnation.after(network.wait(), () =>
      finish(
        failure !== undefined ? Effect.fail(failure) : Effect.suspend(() => {
          return Effect.succeed(ModelCatalogue.answer(statement, world))
        })
      ))
  }

  const send = (statement: string, mayBegin: () => boolean, open: () => boolean, finish: (answer: Answer) => void) => {
    const lost = (): void => {
      connected = false
      finish(Effect.fail(unreachable))
    }
    if (!open()) return
    if (toStarRocks.isCut) return void incarnation.after(CONNECT_MS_MAX, lost)
    connected ||= !starRocks.refusesLogin
    if (!connected) return finish(Effect.fail(refused))
    if (!mayBegin()) return finish(Effect.fail(unreachable))
    const what = whatIs(statement)
    const sent = { statement, sender: sender(), announced: new Map(incarnation.announced) }
    if (faults.happens(`job: killed at its ${what}`)) {
      time.after(connections.int(0, KILLED_MS_MAX), () => http.onDeath(incarnation))
    }
    if (faults.happens(`postgres: replication connection lost at a ${what}`)) {
      time.after(network.wait(), () => http.onLoss(incarnation))
    }
    const late = faults.happens("starrocks sql: begins late")
    if (late && connections.chance(LOST_SHARE)) incarnation.after(network.wait(), lost)
    // What is on its way goes on, whoever waits for it.
    time.after(
      late
        ? connections.int(BEGINS_MS_MAX / 4, BEGINS_MS_MAX)
        : Math.min(network.wait(), BEGINS_MS_MAX),
      () => {
        if (toStarRocks.isCut) return
        if (faults.happens("starrocks sql: lost before the statement")) {
          return void incarnation.after(network.wait(), lost)
        }
        const unheard = faults.happens("starrocks sql: lost after the statement")
        if (unheard) incarnation.after(network.wait(), lost)
        const answered = (rows: ReadonlyArray<Row> | SrSqlError): void => {
          if (unheard) return
          time.after(
            network.wait(),
            () =>
              toStarRocks.pass(() =>
                incarnation.deliver(() => finish(rows instanceof SrSqlError ? Effect.fail(rows) : Effect.succeed(rows)))
              )
          )
        }
        if (what === "truncation") statements.run({ ...sent, unheard }, answered)
        else schema.run(statement, answered)
      }
    )
  }

  return {
    query: (statement, sending) =>
      Effect.callback((resume) => {
        const { mayBegin, withinMs } = sending ?? ANY_TIME
        let open = true
        const silence = incarnation.after(withinMs, () => {
          connected = false
          finish(Effect.fail(unreachable))
        })
        const finish = (answer: Answer): void => {
          if (!open) return
          open = false
          silence()
          resume(answer)
        }
        if (!statements.knows(statement) && !schema.knows(statement)) ask(statement, finish)
        else {
          // Between the store's word that it may send and the sending.
          const absent = sending !== undefined && faults.happens(`job: absent at its ${whatIs(statement)}`)
          if (absent) http.onAbsence(incarnation)
          const pauses = absent && connections.chance(0.8)
          const ms = pauses
            ? connections.int(
              ...connections.pick(whatIs(statement) === "truncation" ? PAUSES_MS : PAUSES_AT_SCHEMA_CHANGE_MS)
            )
            : network.wait()
          incarnation.after(ms, () => send(statement, mayBegin, () => open, finish))
        }
        return Effect.sync(() => {
          open = false
          connected = false
          silence()
        })
      })
  }
}
