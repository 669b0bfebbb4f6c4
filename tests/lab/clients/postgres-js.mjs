// postgres.js: prepares everything, pipelines, and asks for the types of arrays as it connects.
import postgres from "postgres";
import { ENDLESS, LARGE, NO_COLUMN, PREVIEW, TABLES, WRITE, connection, failure, version } from "./common.mjs";

const results = { client: `postgres ${version("postgres")}` };
const sql = postgres({ ...connection, max: 2, onnotice: () => {} });
results.tables = (await sql.unsafe(TABLES)).map((row) => row.table_name).sort();
const preview = await sql.unsafe(PREVIEW);
results.preview = [preview.count, preview.columns.length];
const [{ count }] = await sql`select count(*) from sys_invocation where status = ${"completed"}`;
results.completed = Number(count);
const [{ count: any }] = await sql`select count(*) from sys_invocation where status in ${sql(["completed"])}`;
results.any = Number(any);
results.large = 0;
for await (const rows of sql.unsafe(LARGE).cursor(1000)) results.large += rows.length;
const answers = await Promise.all([...Array(100).keys()].map((n) => sql`select ${n}::int8 * 2 as n`));
results.pipelined = answers.reduce((sum, [row]) => sum + Number(row.n), 0);
results.transaction = await sql.begin("read only", async (sql) => {
  const failed = await sql.savepoint((sql) => sql.unsafe(NO_COLUMN)).catch((error) => error.code);
  return [failed, (await sql`select 1 as n`)[0].n];
});
results.error = await failure(sql.unsafe(NO_COLUMN));
results.write = await failure(sql.unsafe(WRITE));
const endless = sql.unsafe(ENDLESS);
setTimeout(() => endless.cancel(), 500);
results.cancel = await failure(endless);
await sql.end();
console.log(JSON.stringify(results));
