/** Which faults happen in which round: a pure function of the seed, so that a failed run's schedule can be repeated. */
import { SeededRandom } from "../../src/domain/SeededRandom.ts"
import { Fault, targetOf, type WireName, WIRES } from "./Fault.ts"

/** A fault and when it begins, counted from the start of the round's faults. */
export interface Planned {
  readonly atMs: number
  readonly fault: Fault
}

export interface Round {
  readonly round: number
  readonly faults: ReadonlyArray<Planned>
}

/** The server's `wal_sender_timeout`, short so that a round can outlast it. */
export const WAL_SENDER_TIMEOUT_MS = 2_000
/** A pause of the reader that the server must notice. */
const PAUSE_MS_MIN = WAL_SENDER_TIMEOUT_MS + 500
const PAUSE_MS_MAX = WAL_SENDER_TIMEOUT_MS * 2
/** From shorter than any timeout to longer than `wal_sender_timeout`. */
const WIRE_MS_MIN = 300
const WIRE_MS_MAX = WAL_SENDER_TIMEOUT_MS + 1_000
/** How long something stays down; 0 is a supervisor that starts it again at once. */
const DOWN_MS_MAX = 1_000
const AT_MS_MAX = 800
/** Share of rounds with two faults at once. */
const TWO_PROBABILITY = 0.4
/** Slow against what the traffic writes, fast enough to go on. */
const THROTTLE_MIN = 20_000
const THROTTLE_MAX = 400_000
const DELAY_MS_MAX = 250
const MILLISECONDS_ROUNDED = 10

const ms = (random: SeededRandom, least: number, most: number): number =>
  Math.round(random.between(least, most) / MILLISECONDS_ROUNDED) * MILLISECONDS_ROUNDED

type Card = (random: SeededRandom) => Fault

const down = (random: SeededRandom): number => random.chance(0.3) ? 0 : ms(random, 0, DOWN_MS_MAX)
const broken = (random: SeededRandom): number => ms(random, WIRE_MS_MIN, WIRE_MS_MAX)

const OF_WIRE: ReadonlyArray<(wire: WireName) => Card> = [
  (wire) => () => Fault.WireReset({ wire }),
  (wire) => (random) => Fault.WirePartitioned({ wire, ms: broken(random) }),
  (wire) => (random) => Fault.WireHalfOpen({ wire, ms: broken(random) }),
  (wire) => (random) => Fault.WireRefused({ wire, ms: broken(random) }),
  (wire) => (random) =>
    Fault.WireThrottled({ wire, bytesPerSecond: random.between(THROTTLE_MIN, THROTTLE_MAX), ms: broken(random) }),
  (wire) => (random) => Fault.WireDelayed({ wire, delayMs: ms(random, 20, DELAY_MS_MAX), ms: broken(random) }),
  (wire) => (random) => Fault.WireHalfClosed({ wire, ms: broken(random) })
]

/** Processes die and sleep as often as wires break: some cards are in the deck several times. */
const OF_PROCESS: ReadonlyArray<readonly [copies: number, Card]> = [
  [5, (random) => Fault.DbmazzKilled({ downMs: down(random) })],
  [3, (random) => Fault.DbmazzPaused({ ms: ms(random, PAUSE_MS_MIN, PAUSE_MS_MAX) })],
  [4, (random) => Fault.DbmazzTerminated({ downMs: down(random) })],
  [3, (random) => Fault.DbmazzSecond({ ms: ms(random, PAUSE_MS_MIN, PAUSE_MS_MAX) })],
  [3, (random) => Fault.PostgresRestarted({ downMs: down(random) })],
  [2, () => Fault.WalsenderTerminated()],
  [4, (random) => Fault.EndpointKilled({ downMs: down(random) })],
  [2, (random) => Fault.EndpointPaused({ ms: ms(random, WIRE_MS_MIN, PAUSE_MS_MAX) })]
]

/** Peers that vanish must be found by silence; only the replication connection does that within a round. */
const VANISHING: ReadonlyArray<Card> = [() => Fault.WireVanished({ wire: "postgres" })]

const CARDS: ReadonlyArray<Card> = [
  ...OF_PROCESS.flatMap(([copies, card]) => Array.from({ length: copies }, () => card)),
  ...WIRES.flatMap((wire) => OF_WIRE.map((make) => make(wire))),
  ...VANISHING
]

const shuffled = <A>(values: ReadonlyArray<A>, random: SeededRandom): Array<A> => {
  const result = [...values]
  for (let at = result.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    const [here, there] = [result[at], result[other]]
    if (here !== undefined && there !== undefined) [result[at], result[other]] = [there, here]
  }
  return result
}

/**
 * The rounds of a seed, without end. Faults are dealt from a shuffled deck, so that every kind comes before one comes
 * again; a longer run begins as a shorter one of the same seed does.
 */
export function* rounds(seed: number): Generator<Round> {
  const random = new SeededRandom(seed)
  let deck: Array<Card> = []
  const deal = (): Fault => {
    if (deck.length === 0) deck = shuffled(CARDS, random)
    const card = deck.pop()
    return card === undefined ? Fault.WalsenderTerminated() : card(random)
  }
  for (let round = 1;; round++) {
    const faults = [{ atMs: ms(random, 0, AT_MS_MAX), fault: deal() }]
    if (random.chance(TWO_PROBABILITY)) {
      const second = { atMs: ms(random, 0, AT_MS_MAX), fault: deal() }
      if (faults.every(({ fault }) => targetOf(fault) !== targetOf(second.fault))) faults.push(second)
    }
    yield { round, faults }
  }
}
