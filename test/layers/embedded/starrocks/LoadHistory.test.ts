import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Catalogue from "../../../../src/layers/embedded/starrocks/catalogue/Catalogue.ts"
import * as Storage from "../../../../src/layers/embedded/starrocks/catalogue/Storage.ts"
import * as Labels from "../../../../src/layers/embedded/starrocks/load/Labels.ts"
import * as LoadHistory from "../../../../src/layers/embedded/starrocks/load/LoadHistory.ts"
import * as LoadReply from "../../../../src/layers/embedded/starrocks/load/LoadReply.ts"
import * as TemporaryDirectory from "../../../support/TemporaryDirectory.ts"

const directory = TemporaryDirectory.make("history")

it.live("the history shows the newest loads, and none whose outcome was not written with its rows", () =>
  Effect.gen(function*() {
    const storage = yield* Storage.open(yield* directory)
    yield* Catalogue.make(storage)
    const labels = yield* Labels.make(storage)
    const ended = { progress: { ...LoadReply.progress(), total: 3, loaded: 3 }, error: undefined }
    const write = (session: Storage.Session, label: string) => {
      const record = Result.getOrThrow(labels.begin("d", label, "t"))
      return Effect.map(labels.write(session, record, "VISIBLE", ended), () => labels.finish(record, "VISIBLE"))
    }
    const shown = LoadHistory.loadsMax
    // In hundreds: each of a thousand transactions would wait for the disk, and one of a thousand rows for memory.
    for (let from = 0; from < shown + 100; from += 100) {
      yield* storage.write((session) =>
        Effect.forEach(Array.from({ length: 100 }), (_, index) => write(session, `l${from + index}`), { discard: true })
      )
    }
    yield* storage.write((session) => write(session, "undone").pipe(Effect.andThen(Effect.fail("the merge failed"))))
      .pipe(Effect.ignore)
    const [row] = yield* storage.write((session) =>
      session.run("select count(*), min(JOB_ID), max(JOB_ID), min(SINK_ROWS) from endpoint_information_schema.loads")
    )
    assert.deepStrictEqual(row, [BigInt(shown), 101n, BigInt(shown + 100), 3n])
  }).pipe(Effect.scoped))
