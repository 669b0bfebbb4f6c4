// node-postgres, with its cursor.
import pg from "pg";
import Cursor from "pg-cursor";
import { COUNT, ENDLESS, LARGE, NO_COLUMN, PREVIEW, TABLES, WRITE, connection, failure, version } from "./common.mjs";

const results = { client: `pg ${version("pg")}` };
const pool = new pg.Pool({ ...connection, max: 2 });
results.tables = (await pool.query(TABLES)).rows.map((row) => row.table_name).sort();
const preview = await pool.query(PREVIEW);
results.preview = [preview.rowCount, preview.fields.length];
results.completed = Number((await pool.query(COUNT("$1"), ["completed"])).rows[0].count);
results.any = Number((await pool.query(COUNT("any($1)"), [["completed"]])).rows[0].count);

const client = await pool.connect();
const cursor = client.query(new Cursor(LARGE));
results.large = 0;
for (let rows = await cursor.read(1000); rows.length > 0; rows = await cursor.read(1000)) results.large += rows.length;
await cursor.close();
// A named statement: parsed once, run twice.
results.prepared = 0;
for (const n of [1, 2]) {
  const named = { name: "twice", text: "select $1::int8 * 2 as n", values: [n] };
  results.prepared += Number((await client.query(named)).rows[0].n);
}
results.several = (await client.query("begin; select 1 as n; commit")).map((result) => result.command);
results.error = await failure(client.query(NO_COLUMN));
results.write = await failure(client.query(WRITE));
const pid = client.processID;
setTimeout(() => {
  // A CancelRequest on a connection of its own, as its query cancellation does.
  const other = new pg.Client(connection);
  other.cancel(client, query);
}, 500);
const query = new pg.Query(ENDLESS);
results.cancel = await new Promise((resolve) => {
  query.on("error", (error) => resolve(error.code));
  query.on("end", () => resolve("no error"));
  client.query(query);
});
results.after = (await client.query("select 1 as n")).rows[0].n;
client.release();
await pool.end();
console.log(JSON.stringify(results));
