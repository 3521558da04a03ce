/** Everything that a run of the program meets, made from a plan. */
import type { Settings } from "../../src/domain/config/Settings.ts"
import { Verdict } from "./Broken.ts"
import { Faults } from "./Faults.ts"
import { Ledger } from "./Ledger.ts"
import { ModelHttp } from "./ModelHttp.ts"
import { ModelPostgres } from "./ModelPostgres.ts"
import { ModelSchemaChanges } from "./ModelSchemaChanges.ts"
import { ModelSql } from "./ModelSql.ts"
import { ModelStarRocks } from "./ModelStarRocks.ts"
import { ModelStatements } from "./ModelStatements.ts"
import { Network } from "./Network.ts"
import type { Plan } from "./Plan.ts"
import { Prng } from "./Prng.ts"
import * as Program from "./Program.ts"
import * as SourceTables from "./SourceTables.ts"
import { Tells } from "./Tells.ts"
import { Trace } from "./Trace.ts"
import { VirtualTime } from "./VirtualTime.ts"
import { Workload } from "./Workload.ts"

export class Models {
  readonly plan: Plan
  readonly settings: Settings
  readonly verdict: Verdict = new Verdict()
  readonly time = new VirtualTime()
  readonly trace: Trace
  readonly faults: Faults
  readonly network: Network
  readonly ledger: Ledger
  readonly starRocks: ModelStarRocks
  readonly postgres: ModelPostgres
  readonly sql: ModelSql
  readonly http: ModelHttp
  readonly connections: Prng
  readonly statements: ModelStatements
  readonly schema: ModelSchemaChanges
  readonly workload: Workload
  readonly tells = new Tells()
  /** Replication sessions so far. */
  sessions = 0

  constructor(plan: Plan, traceLines: number) {
    const { classicDuplicates, labelsMax, seed, statementsOutlive, walSenderTimeoutMs } = plan
    this.plan = plan
    this.settings = Program.settingsOf(plan)
    this.trace = new Trace(traceLines)
    this.faults = new Faults(seed, plan.faults, this.trace)
    this.network = new Network(new Prng(seed, "network"), plan.slowness)
    this.starRocks = new ModelStarRocks(labelsMax, this.verdict, this.trace, this.time)
    this.ledger = new Ledger(
      this.starRocks.rows,
      this.verdict,
      plan.truncatePolicy,
      (table) => this.starRocks.targets.fits(table)
    )
    this.starRocks.ledger = this.ledger
    this.postgres = new ModelPostgres(new Prng(seed, "postgres"), this.time, this.ledger, this.trace)
    const shared = {
      verdict: this.verdict,
      trace: this.trace,
      faults: this.faults,
      network: this.network,
      time: this.time,
      ledger: this.ledger,
      postgres: this.postgres,
      starRocks: this.starRocks
    }
    this.sql = new ModelSql({
      ...shared,
      address: this.settings.source,
      walSenderTimeoutMs,
      statementsOutlive,
      partitions: plan.workload.repartitions > 0
    })
    this.postgres.onPublished = (table) => {
      if (table.wanted) this.tells.changed(SourceTables.nameOf(table), this.sql.remembers(table))
    }
    this.connections = new Prng(seed, "connections")
    this.http = new ModelHttp({ ...shared, prng: new Prng(seed, "http"), classicDuplicates })
    this.statements = new ModelStatements({ ...shared, http: this.http, prng: new Prng(seed, "statements") })
    this.schema = new ModelSchemaChanges({ ...shared, prng: new Prng(seed, "schema changes") })
    this.workload = new Workload(new Prng(seed, "workload"), plan.workload, this.postgres, this.time)
  }
}
