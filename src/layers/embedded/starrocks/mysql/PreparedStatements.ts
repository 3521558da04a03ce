/** The prepared statements of one connection: bounded in number and in the bytes of parameters sent apart. */
import * as Result from "effect/Result"
import { filled, placesOf } from "../syntax/Placeholders.ts"
import { SqlError } from "../syntax/SqlError.ts"
import { execution, type ParameterType } from "../wire/BinaryProtocol.ts"
import type { ColumnDefinition } from "../wire/MysqlPackets.ts"

/** Statements one connection may hold. A client that never closes them is told so, instead of filling the memory. */
const statementsMax = 1024
/** Characters of the statements one connection may hold. */
const textMax = 32 * 1024 * 1024
/** Bytes of parameters sent in packets of their own that wait for their execution, for all statements together. */
const longBytesMax = 32 * 1024 * 1024
/** Bytes a piece of such a parameter costs beside its content. */
const pieceBytes = 64
/** Parameters of one statement; the protocol counts them in two bytes. */
const parametersMax = 65_535

interface Statement {
  readonly sql: string
  /** Offsets of the question marks. */
  readonly places: ReadonlyArray<number>
  types: ReadonlyArray<ParameterType> | undefined
  readonly long: Map<number, Array<Buffer>>
  /** Bytes sent apart do not fit: told when the statement is executed, because their packet has no answer. */
  overflow: boolean
}

const tooMany = (): SqlError =>
  new SqlError({
    code: 1461,
    state: "42000",
    message: `Can't create more than max_prepared_stmt_count statements (current value: ${statementsMax})`
  })

const unknown = (id: number): SqlError =>
  new SqlError({ code: 1243, state: "HY000", message: `Unknown prepared statement handler (${id}) given to execute` })

const malformed = (): SqlError =>
  new SqlError({
    code: 1835,
    state: "HY000",
    message: "Malformed communication packet: incorrect arguments to execute"
  })

/** What the client hears about a statement it prepared. */
export interface Prepared {
  readonly id: number
  readonly parameterCount: number
  readonly columns: ReadonlyArray<ColumnDefinition>
}

/** The statements. */
export class PreparedStatements {
  private readonly statements = new Map<number, Statement>()
  private lastId = 0
  private longBytes = 0
  private textLength = 0

  /** Whether one more statement fits. */
  admits(sql: string): SqlError | undefined {
    const full = this.statements.size >= statementsMax || this.textLength + sql.length > textMax
    return full || placesOf(sql).length > parametersMax ? tooMany() : undefined
  }

  /** Keeps a statement and gives its number. */
  add(sql: string, columns: ReadonlyArray<ColumnDefinition>): Prepared {
    const places = placesOf(sql)
    this.textLength += sql.length
    this.lastId = (this.lastId % 0xffff_ffff) + 1
    this.statements.set(this.lastId, { sql, places, types: undefined, long: new Map(), overflow: false })
    return { id: this.lastId, parameterCount: places.length, columns }
  }

  private at(payload: Buffer): { readonly id: number; readonly statement: Statement | undefined } {
    const id = payload.length >= 5 ? payload.readUInt32LE(1) : 0
    return { id, statement: this.statements.get(id) }
  }

  /** Forgets a statement. */
  close(payload: Buffer): void {
    const { id, statement } = this.at(payload)
    if (statement === undefined) return
    this.forgetLong(statement)
    this.textLength -= statement.sql.length
    this.statements.delete(id)
  }

  /** Forgets every statement. */
  clear(): void {
    this.statements.clear()
    this.longBytes = 0
    this.textLength = 0
  }

  /** Forgets what was sent apart for a statement. */
  reset(payload: Buffer): SqlError | undefined {
    const { id, statement } = this.at(payload)
    if (statement === undefined) return unknown(id)
    this.forgetLong(statement)
    return undefined
  }

  private forgetLong(statement: Statement): void {
    for (const pieces of statement.long.values()) {
      for (const piece of pieces) this.longBytes -= piece.length + pieceBytes
    }
    statement.long.clear()
    statement.overflow = false
  }

  /** Keeps a piece of a parameter. */
  append(payload: Buffer): void {
    const { statement } = this.at(payload)
    if (statement === undefined || payload.length < 7) return
    const index = payload.readUInt16LE(5)
    const cost = payload.length - 7 + pieceBytes
    if (index >= statement.places.length || this.longBytes + cost > longBytesMax) {
      statement.overflow = true
      return
    }
    this.longBytes += cost
    const pieces = statement.long.get(index) ?? []
    pieces.push(Buffer.from(payload.subarray(7)))
    statement.long.set(index, pieces)
  }

  /** The statement of an execute packet with its parameters in place. */
  bind(payload: Buffer): Result.Result<string, SqlError> {
    const { id, statement } = this.at(payload)
    if (statement === undefined) return Result.fail(unknown(id))
    const long = new Map([...statement.long].map(([index, pieces]) => [index, Buffer.concat(pieces)]))
    const bound = statement.overflow
      ? undefined
      : execution(payload, statement.places.length, statement.types, long)
    this.forgetLong(statement)
    if (bound === undefined) return Result.fail(malformed())
    statement.types = bound.types
    return Result.succeed(filled(statement.sql, statement.places, (index) => bound.literals[index] ?? "NULL"))
  }
}
