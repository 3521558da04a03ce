/** Errors as the MySQL wire carries them: number, SQLSTATE and text. */
import * as Data from "effect/Data"

/** A statement's failure, as the client sees it. */
export class SqlError extends Data.TaggedError("SqlError")<{
  readonly code: number
  readonly state: string
  readonly message: string
}> {}

/** 1064: everything the analyzer refuses. */
export const analysis = (message: string): SqlError => new SqlError({ code: 1064, state: "HY000", message })
/** 1064 with the text of an analyzing error. */
export const detail = (message: string): SqlError => analysis(`Getting analyzing error. Detail message: ${message}.`)
/** 1064 with the text of a syntax error; lines are counted from 1 and columns from 0, as the server counts them. */
export const syntax = (message: string, line = 1, column = 0): SqlError =>
  analysis(`Getting syntax error at line ${line}, column ${column}. Detail message: ${message}.`)
/** 1064 for what the server knows and this endpoint does not. */
export const unsupported = (what: string): SqlError => analysis(`${what} is not supported by this endpoint`)
/** 5501. */
export const unknownDatabase = (name: string): SqlError =>
  new SqlError({ code: 5501, state: "3F000", message: `Unknown database '${name}'` })
/** 5502. */
export const unknownTable = (name: string): SqlError =>
  new SqlError({ code: 5502, state: "42602", message: `Unknown table '${name}'` })
/** 1046. */
export const noDatabase = (): SqlError => new SqlError({ code: 1046, state: "3D000", message: "No database selected" })
/** 1007. */
export const databaseExists = (name: string): SqlError =>
  new SqlError({ code: 1007, state: "HY000", message: `Can't create database '${name}'; database exists` })
/** 1050. */
export const tableExists = (name: string): SqlError =>
  new SqlError({ code: 1050, state: "42S01", message: `Table '${name}' already exists` })
/** 1060. */
export const duplicateColumn = (name: string): SqlError =>
  new SqlError({ code: 1060, state: "42S21", message: `Duplicate column name '${name}'` })
/** 5014: another job holds the table. */
export const notNormal = (table: string): SqlError =>
  new SqlError({
    code: 5014,
    state: "HY000",
    message: `Table[${table}]'s state is not NORMAL. Do not allow doing ALTER ops`
  })
/** 1193. */
export const unknownVariable = (name: string): SqlError =>
  new SqlError({ code: 1193, state: "HY000", message: `Unknown system variable '${name}'` })
/** 1621: a variable nobody may set. */
export const readOnlyVariable = (name: string): SqlError =>
  new SqlError({ code: 1621, state: "HY000", message: `Variable '${name}' is a read only variable` })
/** 1045: a login that failed. */
export const loginDenied = (user: string, address: string, withPassword: boolean): SqlError =>
  new SqlError({
    code: 1045,
    state: "28000",
    message: `Access denied for user '${user}'@'${address}' (using password: ${withPassword ? "YES" : "NO"})`
  })
/** 5203: a privilege is missing. */
export const accessDenied = (privilege: string, object: string): SqlError =>
  new SqlError({
    code: 5203,
    state: "42000",
    message:
      `Access denied; you need (at least one of) the ${privilege} privilege(s) on ${object} for this operation. ` +
      "Please ask the admin to grant permission(s) or try activating existing roles using <set [default] role>. " +
      "Current role(s): NONE. Inactivated role(s): NONE."
  })
/** 5001: no such page of SHOW PROC. */
export const wrongProcPath = (path: string): SqlError =>
  new SqlError({ code: 5001, state: "HY000", message: `Proc path '${path}' doesn't exist` })
/** 1295: the prepared-statement protocol. */
export const unprepared = (): SqlError =>
  new SqlError({
    code: 1295,
    state: "HY000",
    message: "This command is not supported in the prepared statement protocol yet"
  })
