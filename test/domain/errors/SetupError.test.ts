import { assert, describe, it } from "@effect/vitest"
import * as SetupError from "../../../src/domain/errors/SetupError.ts"

describe("The remedy of a failed setup: a statement that does not run as it is printed mends nothing", () => {
  const table = "Sales.Order Items"
  const target = "shop.order"
  for (
    const [reason, statement] of [
      [
        { _tag: "PgPrivilegeMissing", table, role: "Me", privilege: "SELECT" },
        "GRANT USAGE ON SCHEMA \"Sales\" TO \"Me\"; GRANT SELECT ON \"Sales\".\"Order Items\" TO \"Me\";"
      ],
      [{ _tag: "PgTableNotFound", table: "public.\"a.b\"" }, "GRANT SELECT ON \"public\".\"a.b\" TO"],
      [{ _tag: "PgPrimaryKeyMissing", table }, "ALTER TABLE \"Sales\".\"Order Items\" ADD PRIMARY KEY"],
      [{ _tag: "PgPrimaryKeyDeferrable", table }, "ALTER TABLE \"Sales\".\"Order Items\" DROP CONSTRAINT"],
      [
        { _tag: "PgReplicaIdentityFailed", table, error: "" },
        "ALTER TABLE \"Sales\".\"Order Items\" REPLICA IDENTITY FULL;"
      ],
      [
        { _tag: "PgIdentityUnfit", table, key: "id", identity: "", use: "DEFAULT" },
        "ALTER TABLE \"Sales\".\"Order Items\" REPLICA IDENTITY DEFAULT;"
      ],
      [
        { _tag: "PgVirtualColumns", table, columns: "v" },
        "ALTER TABLE \"Sales\".\"Order Items\" REPLICA IDENTITY DEFAULT;"
      ],
      [
        { _tag: "SrColumnMissing", table: target, column: "group", type: "INT" },
        "ALTER TABLE `shop`.`order` ADD COLUMN `group` INT NULL;"
      ],
      [
        { _tag: "SrColumnCase", table: target, column: "Id", found: "id" },
        "ALTER TABLE `shop`.`order` RENAME COLUMN `id` TO `Id`;"
      ],
      [
        { _tag: "SrColumnRequired", table: target, column: "group", type: "INT" },
        "ALTER TABLE `shop`.`order` MODIFY COLUMN `group` INT NULL;"
      ],
      [
        { _tag: "SrAuditColumnsFailed", table: target, error: "" },
        "ALTER TABLE `shop`.`order` ADD COLUMN dbmazz_op_type"
      ],
      [{ _tag: "SrDatabaseNotFound", database: "my shop" }, "CREATE DATABASE `my shop`;"]
    ] as const
  ) {
    it(`${reason._tag} quotes the names in its statement`, () => {
      assert.include(SetupError.remedy(reason), statement)
    })
  }
})
