"""psqlODBC through its driver manager: the catalogue functions of ODBC, server-side parameters, cursors, cancel."""

import threading

import pyodbc

from common import COUNT, ENDLESS, LARGE, NO_COLUMN, PREVIEW, WRITE, env, tell

SETTINGS = {
    "DRIVER": "{PostgreSQL Unicode}",
    "SERVER": env("PGHOST"),
    "PORT": env("PGPORT"),
    "DATABASE": env("PGDATABASE"),
    "UID": env("PGUSER"),
    "PWD": "{" + env("PGPASSWORD") + "}",
    "SSLmode": env("PGSSLMODE"),
    "pqopt": "{sslrootcert=" + env("PGSSLROOTCERT") + "}",
    # Results come by DECLARE and FETCH, as Excel and Power BI have them.
    "UseDeclareFetch": "1",
    "Fetch": "50",
}
connection = pyodbc.connect(";".join(f"{name}={value}" for name, value in SETTINGS.items()), autocommit=False)
cursor = connection.cursor()
results = {"client": f"psqlODBC {connection.getinfo(pyodbc.SQL_DRIVER_VER)}"}


def fails(statement):
    try:
        cursor.execute(statement).fetchall()
        return "no error"
    except pyodbc.Error as error:
        return error.args[0]
    finally:
        connection.rollback()


results["tables"] = sorted(row.table_name for row in cursor.tables(schema="public", tableType="TABLE"))
results["columns"] = len(cursor.columns(table="sys_invocation", schema="public").fetchall())
results["primary_key"] = [row.column_name for row in cursor.primaryKeys("sys_journal", schema="public")]
keys = cursor.foreignKeys(foreignTable="sys_journal", foreignSchema="public").fetchall()
results["foreign_keys"] = sorted([row.fkcolumn_name, row.pktable_name, row.pkcolumn_name] for row in keys)
results["preview"] = [len(cursor.execute(PREVIEW).fetchall()), len(cursor.description)]
results["completed"] = cursor.execute(COUNT.format("?"), "completed").fetchval()
results["large"] = sum(1 for _ in cursor.execute(LARGE))
typed = cursor.execute("select ?, ? + 1, cast(? as timestamp), cast(? as numeric)", "a", 5, "2024-01-02 03:04:05", 1.5)
results["typed"] = [str(value) for value in typed.fetchone()]
results["error"] = fails(NO_COLUMN)
results["write"] = fails(WRITE)
threading.Timer(0.5, cursor.cancel).start()
results["cancel"] = fails(ENDLESS)
results["after"] = cursor.execute("select 1").fetchval()
tell(results)
