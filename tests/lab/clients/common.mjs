// What the Node clients share: the statements of each task, and where to connect. See common.py.
import { readFileSync } from "node:fs";

const env = process.env;

export const TABLES =
  "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'";
export const PREVIEW = "select * from sys_invocation limit 5";
export const COUNT = (status) => `select count(*) from sys_invocation where status = ${status}`;
export const LARGE = "select * from state";
export const NO_COLUMN = "select no_such_column from state";
export const WRITE = "delete from state";
// It ends in some hours, unless it is cancelled.
export const ENDLESS = "select count(*) from generate_series(1, 1000000000000) as t(n) where n % 7 = 8";

export const connection = {
  host: env.PGHOST,
  port: Number(env.PGPORT),
  user: env.PGUSER,
  password: env.PGPASSWORD,
  database: env.PGDATABASE,
  ssl: { ca: readFileSync(env.PGSSLROOTCERT) },
};

/** The SQLSTATE that a promise fails with. */
export const failure = (promise) =>
  promise.then(
    () => "no error",
    (error) => error.code ?? String(error),
  );

export const version = (name) =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url))).version;
