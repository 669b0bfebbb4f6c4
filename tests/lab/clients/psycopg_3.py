"""psycopg 3: binary results, server-side cursors with parameters, COPY, pipelines, cancel."""

import threading

import psycopg
from psycopg import sql

from common import COUNT, ENDLESS, LARGE, NO_COLUMN, PREVIEW, TABLES, WRITE, failure, tell

results = {"client": f"psycopg {psycopg.__version__}"}
with psycopg.connect(autocommit=True) as connection:
    results["tables"] = sorted(name for (name,) in connection.execute(TABLES))
    preview = connection.execute(PREVIEW, binary=True)
    results["preview"] = [len(preview.fetchall()), len(preview.description)]
    results["completed"] = connection.execute(COUNT.format("%s"), ["completed"]).fetchone()[0]

    with connection.transaction(), connection.cursor("c") as cursor:
        cursor.itersize = 1000
        cursor.execute(LARGE)
        results["large"] = sum(1 for _ in cursor)
    # DECLARE by the extended protocol, with a parameter; the default scrolls back where PostgreSQL's does.
    with connection.transaction(), connection.cursor("p", scrollable=True) as cursor:
        cursor.execute("select n from generate_series(1, %s) as t(n)", [1000])
        first = [n for (n,) in cursor.fetchmany(3)]
        cursor.scroll(-2)
        results["scrolled"] = first + [n for (n,) in cursor.fetchmany(3)]
    with connection.cursor("held", withhold=True) as cursor:
        cursor.execute("select n from generate_series(1, %s) as t(n)", [1000])
        results["held"] = len(cursor.fetchall())

    types = [column.type_code for column in connection.execute(f"{LARGE} limit 0").description]
    with connection.cursor() as cursor, cursor.copy(f"copy ({LARGE}) to stdout (format binary)") as copy:
        copy.set_types(types)
        results["copied"] = sum(1 for _ in copy.rows())
    with connection.pipeline():
        cursors = [connection.execute("select %s::int8 * 2", [n]) for n in range(100)]
        results["pipelined"] = sum(cursor.fetchone()[0] for cursor in cursors)

    results["error"] = failure(lambda: connection.execute(NO_COLUMN))
    results["write"] = failure(lambda: connection.execute(WRITE))
    with connection.transaction():
        try:
            with connection.transaction():
                connection.execute(NO_COLUMN)
        except psycopg.errors.UndefinedColumn:
            pass
        # The savepoint of the inner one was rolled back to.
        results["savepoint"] = connection.execute("select 1").fetchone()[0]

    threading.Timer(0.5, connection.cancel_safe).start()
    results["cancel"] = failure(lambda: connection.execute(ENDLESS))
    # Prepared after five runs, by a name.
    results["prepared"] = sum(connection.execute("select %s::int8", [n], binary=True).fetchone()[0] for n in range(10))
    identifier = sql.Identifier("sys_journal", "index")
    results["quoted"] = connection.execute(sql.SQL("select max({}) from sys_journal").format(identifier)).fetchone()[0]
tell(results)
