"""ADBC's PostgreSQL driver, which reads by COPY in binary; and polars over it."""

import adbc_driver_postgresql
import adbc_driver_postgresql.dbapi
import polars

from common import COUNT, ENDLESS, LARGE, NO_COLUMN, PREVIEW, TABLES, WRITE, conninfo, failure, tell

results = {"client": f"adbc {adbc_driver_postgresql.__version__}, polars {polars.__version__}"}


def frame(statement, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetch_polars()


with adbc_driver_postgresql.dbapi.connect(conninfo(), autocommit=True) as connection:
    results["tables"] = sorted(frame(TABLES).to_series().to_list())
    preview = frame(PREVIEW)
    results["preview"] = [preview.height, preview.width]
    results["completed"] = frame(COUNT.format("$1"), ["completed"]).item()
    large = frame(LARGE)
    results["large"] = large.height
    results["types"] = {name: str(kind) for name, kind in large.schema.items()}
    results["error"] = failure(lambda: frame(NO_COLUMN))
    results["write"] = failure(lambda: frame(WRITE))
results["uri"] = polars.read_database_uri(LARGE, "postgresql://?" + "&".join(conninfo().split()), engine="adbc").height
tell(results)
