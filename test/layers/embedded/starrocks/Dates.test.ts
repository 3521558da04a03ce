import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Dates from "../../../../src/layers/embedded/starrocks/values/Dates.ts"

const text = (written: string): string | undefined => {
  const moment = Dates.parseDateTime(written)
  return moment === undefined ? undefined : Dates.formatDateTime(Dates.microsOf(moment))
}

it.effect.prop(
  "every moment of the years 0 to 9999 is read as it is written",
  [
    Schema.Int.check(Schema.isBetween({ minimum: Dates.daysOf(0, 1, 1), maximum: Dates.daysOf(9999, 12, 31) })),
    Schema.Int
  ],
  ([days, seed]) =>
    Effect.sync(() => {
      const micros = Math.abs(seed * 7919) % Dates.microsPerDay
      const written = Dates.formatDateTime(Dates.microsOf({ days, micros }))
      assert.deepStrictEqual(Dates.parseDateTime(written), { days, micros })
      assert.deepStrictEqual(Dates.parseDateTime(written.replace(" ", "T") + "Z"), { days, micros })
    }),
  { arbitrary: { runs: 500 } }
)

it("agrees with the calendar of the language", () => {
  for (const date of ["1970-01-01", "2000-02-29", "1969-12-31", "1900-03-01", "0001-01-01", "9999-12-31"]) {
    assert.strictEqual(Dates.parseDateTime(date)?.days, Date.parse(`${date}T00:00:00Z`) / 86_400_000, date)
    assert.strictEqual(Dates.formatDate(Date.parse(`${date}T00:00:00Z`) / 86_400_000), date)
  }
})

it("ignores zones and trailing words, and accepts other punctuation", () => {
  assert.strictEqual(text("2024-01-02 03:04:05+02"), "2024-01-02 03:04:05")
  assert.strictEqual(text("2024-01-02 BC"), "2024-01-02 00:00:00")
  assert.strictEqual(text("2024.1.2 3:4"), "2024-01-02 03:04:00")
  assert.strictEqual(text("240102"), "2024-01-02 00:00:00")
  const cases = [
    ["2024-01-02x", "2024-01-02 00:00:00"],
    ["2024-01-021", "2024-01-02 00:00:00"],
    ["2024-01-02+02", "2024-01-02 00:00:00"],
    ["2024/01/02", "2024-01-02 00:00:00"],
    ["2024--01--02", "2024-01-02 00:00:00"],
    ["2024-01-02   03:04:05", "2024-01-02 03:04:05"],
    ["2024-01-02T03", "2024-01-02 03:00:00"],
    [" 2024-01-02 03:04:05.12 ", "2024-01-02 03:04:05.120000"],
    ["20240102T030405", "2024-01-02 03:04:05"],
    ["20240102030405.5", "2024-01-02 03:04:05.500000"],
    ["2401020304", "2024-01-02 03:04:00"],
    ["240102030405", "2024-01-02 03:04:05"],
    ["69-12-31", "2069-12-31 00:00:00"],
    ["70-01-02", "1970-01-02 00:00:00"],
    ["24-1-2 1:2:3.4", "2024-01-02 01:02:03.400000"]
  ] as const
  for (const [written, expected] of cases) assert.strictEqual(text(written), expected, written)
})

it("refuses what is no date", () => {
  const bad = [
    "",
    "x",
    "infinity",
    "-0044-03-15",
    "2024-02-30",
    "1900-02-29",
    "2024-1",
    "2024-01-01 24:00",
    "12024-01-01",
    "2024",
    "20240102 030405",
    "2024-01-02 03:04 PM",
    "2024-01-02 03:04:60",
    "2024-01-02 03:60:00",
    "2024-00-01",
    "2024-01-00"
  ]
  for (const written of bad) assert.isUndefined(text(written), written)
})
