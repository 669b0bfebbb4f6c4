"""pg8000: a driver of its own, without libpq."""

import ssl

import pg8000.dbapi
import pg8000.native

from common import COUNT, LARGE, NO_COLUMN, PREVIEW, TABLES, WRITE, env, failure, tell

context = ssl.create_default_context(cafile=env("PGSSLROOTCERT"))
connection = pg8000.native.Connection(
    env("PGUSER"),
    host=env("PGHOST"),
    port=int(env("PGPORT")),
    database=env("PGDATABASE"),
    password=env("PGPASSWORD"),
    ssl_context=context,
)
results = {"client": f"pg8000 {pg8000.__version__}"}
results["tables"] = sorted(name for (name,) in connection.run(TABLES))
results["preview"] = [len(connection.run(PREVIEW)), len(connection.columns)]
results["completed"] = connection.run(COUNT.format(":status"), status="completed")[0][0]
results["large"] = len(connection.run(LARGE))
results["error"] = failure(lambda: connection.run(NO_COLUMN))
results["write"] = failure(lambda: connection.run(WRITE))
prepared = connection.prepare("select cast(:n as int8) * 2")
results["prepared"] = sum(prepared.run(n=n)[0][0] for n in range(100))
prepared.close()
connection.close()
tell(results)
