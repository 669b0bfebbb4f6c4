"""What the Python clients share: the statements of each task, and how a result is told.

Where to connect is in the environment, in the variables that libpq reads (PGHOST, …, PGSSLROOTCERT). A client prints one JSON
object, task by task; the Rust test that runs it knows what each must be."""

import json
import os

TABLES = "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
PREVIEW = "select * from sys_invocation limit 5"
COUNT = "select count(*) from sys_invocation where status = {}"
LARGE = "select * from state"
NO_COLUMN = "select no_such_column from state"
WRITE = "delete from state"
# It ends in some hours, unless it is cancelled.
ENDLESS = "select count(*) from generate_series(1, 1000000000000) as t(n) where n % 7 = 8"


def env(name):
    return os.environ[name]


def conninfo():
    """For what reads no environment."""
    names = ["host", "port", "user", "password", "dbname", "sslmode", "sslrootcert"]
    variables = ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT"]
    return " ".join(f"{name}={env(variable)}" for name, variable in zip(names, variables))


def state_of(error):
    """The SQLSTATE of whichever driver's exception."""
    error = getattr(error, "orig", None) or error
    for value in (getattr(error, "sqlstate", None), getattr(error, "pgcode", None)):
        if value:
            return value
    if error.args and isinstance(error.args[0], dict):
        return error.args[0].get("C")
    return f"{type(error).__name__}: {error}"


def failure(work):
    """The SQLSTATE that `work` fails with."""
    try:
        work()
    except Exception as error:
        return state_of(error)
    return "no error"


def tell(results):
    print(json.dumps(results, default=str))
