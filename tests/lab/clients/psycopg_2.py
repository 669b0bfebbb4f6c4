"""psycopg2: parameters on the client's side, named cursors, COPY to a file, cancel."""

import io
import threading

import psycopg2

from common import COUNT, ENDLESS, LARGE, NO_COLUMN, PREVIEW, TABLES, WRITE, failure, tell

results = {"client": f"psycopg2 {psycopg2.__version__.split()[0]}"}
connection = psycopg2.connect("")
cursor = connection.cursor()


def run(statement, parameters=None):
    cursor.execute(statement, parameters)
    return cursor.fetchall()


def fails(statement):
    state = failure(lambda: run(statement))
    connection.rollback()
    return state


results["tables"] = sorted(name for (name,) in run(TABLES))
results["preview"] = [len(run(PREVIEW)), len(cursor.description)]
results["completed"] = run(COUNT.format("%s"), ["completed"])[0][0]
with connection.cursor("c") as named:
    named.itersize = 1000
    named.execute(LARGE)
    results["large"] = sum(1 for _ in named)
file = io.StringIO()
cursor.copy_expert(f"copy ({LARGE}) to stdout (format csv, header)", file)
results["copied"] = file.getvalue().count("\n") - 1
results["error"] = fails(NO_COLUMN)
results["write"] = fails(WRITE)
threading.Timer(0.5, connection.cancel).start()
results["cancel"] = fails(ENDLESS)
tell(results)
