/**
 * Writes docs/configuration.md, the editors' schema and the example file from the list of settings; with `--check` it only
 * says which of them are stale.
 */
import * as ConfigurationExample from "./ConfigurationExample.ts"
import * as ConfigurationPage from "./ConfigurationPage.ts"
import * as ConfigurationSchema from "./ConfigurationSchema.ts"
import * as Page from "./Page.ts"

const COMMAND = "npm run docs:configuration"

Page.write("docs/configuration.md", ConfigurationPage.text, COMMAND)
Page.write("docs/dbmazz.schema.json", ConfigurationSchema.text, COMMAND)
Page.write("docs/dbmazz.example.yaml", ConfigurationExample.text, COMMAND)
