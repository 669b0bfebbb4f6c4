"""DuckDB's postgres extension: it attaches a database, loads its schema in one query of several statements, and scans by COPY."""

from pathlib import Path

import duckdb
import duckdb_extension_postgres_scanner

from common import conninfo, tell

extension = Path(duckdb_extension_postgres_scanner.__file__).parent.glob("extensions/*/*.duckdb_extension")
results = {"client": f"duckdb {duckdb.__version__}"}
duck = duckdb.connect()
duck.execute(f"load '{next(extension)}'")
duck.execute(f"attach '{conninfo()}' as pg (type postgres, read_only)")


def one(statement):
    return duck.execute(statement).fetchone()[0]


results["tables"] = sorted(
    name
    for (name,) in duck.execute(
        "select table_name from duckdb_tables() where database_name = 'pg' and schema_name = 'public'"
    ).fetchall()
)
duck.execute("create table preview as select * from pg.public.sys_invocation limit 5")
results["preview"] = [one("select count(*) from preview"), one("select count(*) from (describe preview)")]
results["completed"] = one("select count(*) from pg.public.sys_invocation where status = 'completed'")
results["large"] = one("select count(value) from pg.public.state")
results["joined"] = one("select count(*) from pg.public.sys_journal join pg.public.sys_invocation using (id)")
results["query"] = one("select * from postgres_query('pg', 'select 41 + 1 as n')")
try:
    duck.execute("select * from postgres_query('pg', 'select no_such_column from state')")
    results["error"] = "no error"
except duckdb.Error as error:
    results["error"] = "no_such_column" in str(error)
tell(results)
