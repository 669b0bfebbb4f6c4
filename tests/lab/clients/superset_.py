"""Superset: its model of a database with the engine spec for PostgreSQL, inside its own application: browse, preview, every time grain,
literals of time, a chart's query, the estimate of a query's cost, errors, and the way it cancels a query.

Its metadata lie in a SQLite database in memory, as in its own tests; nothing of that reaches the server."""

import logging
import os
import threading
from datetime import datetime

os.environ["SUPERSET_SECRET_KEY"] = "of a test"
os.environ["SUPERSET_CONFIG"] = "superset.config"
logging.disable(logging.CRITICAL)

import sqlalchemy
from superset.app import create_app

from common import COUNT, ENDLESS, LARGE, NO_COLUMN, PREVIEW, WRITE, env, failure, tell

app = create_app()
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"


def main():
    from superset.connectors.sqla.models import SqlaTable, SqlMetric, TableColumn
    from superset.extensions import db
    from superset.models.core import Database
    from superset.sql.parse import Table

    results = {}
    url = sqlalchemy.engine.URL.create(
        "postgresql", env("PGUSER"), env("PGPASSWORD"), env("PGHOST"), int(env("PGPORT")), env("PGDATABASE")
    )
    with open(env("PGSSLROOTCERT")) as certificate:
        database = Database(database_name="cluster", server_cert=certificate.read(), extra="{}")
    database.set_sqlalchemy_uri(url.render_as_string(hide_password=False))
    spec = database.db_engine_spec
    results["spec"] = spec.__name__
    catalog, schema = database.get_default_catalog(), "public"
    results["default_schema"] = database.get_default_schema(catalog)
    with database.get_inspector(catalog=catalog, schema=schema) as inspector:
        results["catalogs"] = sorted(spec.get_catalog_names(database, inspector))
        results["schemas"] = sorted(spec.get_schema_names(inspector))
        results["tables"] = sorted(spec.get_table_names(database, inspector, schema))
        results["views"] = sorted(spec.get_view_names(database, inspector, schema))
        results["materialized_views"] = sorted(spec.get_materialized_view_names(database, inspector, schema))
        results["primary_key"] = inspector.get_pk_constraint("sys_invocation", schema)["constrained_columns"]
    invocation = Table("sys_invocation", schema, catalog)
    columns = database.get_columns(invocation)
    results["described"] = all(column["comment"] for column in columns) and bool(database.get_table_comment(invocation))
    kinds = {column["column_name"]: spec.get_column_spec(str(column["type"])) for column in columns}
    results["kinds"] = {name: kinds[name].generic_type.name for name in ["id", "retry_count", "created_at", "pinned_deployment_id"]}
    results["foreign_keys"] = len(database.get_foreign_keys(Table("sys_journal", schema, catalog)))
    results["indexes"] = len(database.get_indexes(invocation))
    results["has"] = [database.has_table(invocation), database.has_view(invocation)]

    frame = lambda sql: database.get_df(sql, catalog, schema)
    preview = frame(database.select_star(invocation, limit=5, show_cols=True, cols=columns))
    results["preview"] = list(preview.shape)
    results["completed"] = int(frame(COUNT.format("'completed'")).iat[0, 0])
    large = frame(LARGE)
    results["large"] = len(large)
    results["dtypes"] = {name: str(kind) for name, kind in large.dtypes.items()}

    # Every grain over a column of timestamps, and the same by way of seconds since 1970.
    text = "select {} as t, count(*) as n from sys_invocation where created_at is not null group by 1 order by 1"
    grains = spec.get_time_grain_expressions()
    results["grains"] = {}
    for grain, expression in grains.items():
        groups = frame(text.format(expression.format(col="created_at")))
        results["grains"][grain or "none"] = [str(groups["t"].dtype), int(groups["n"].sum())]
    epoch = spec.epoch_to_dttm().format(col="extract(epoch from created_at)")
    by_epoch = frame(text.format(grains["P1D"].format(col=epoch)))
    by_column = frame(text.format(grains["P1D"].format(col="created_at")))
    results["epoch"] = list(by_epoch["n"]) == list(by_column["n"])
    milliseconds = spec.epoch_ms_to_dttm().format(col="1795882244000")
    results["epoch_ms"] = str(frame(f"select {milliseconds} as t").iat[0, 0])

    # The literals that it writes for a filter of time.
    time = datetime(2026, 2, 3, 4, 5, 6, 789000)
    literals = {kind: spec.convert_dttm(kind, time) for kind in ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"]}
    results["literals"] = {kind: str(frame(f"select ({text})::text as t").iat[0, 0]) for kind, text in literals.items()}
    since = literals["TIMESTAMP"]
    results["since"] = int(frame(f"select count(*) from sys_invocation where created_at >= {since} - interval '100 years'").iat[0, 0])

    # A chart: a dataset of this table, with a metric, by a grain, filtered, with a row limit.
    dataset = SqlaTable(table_name="sys_invocation", schema=schema, catalog=catalog, database=database)
    for column in columns:
        name = column["column_name"]
        dataset.columns.append(TableColumn(column_name=name, type=str(column["type"]), is_dttm=name == "created_at"))
    dataset.metrics.append(SqlMetric(metric_name="count", expression="COUNT(*)"))
    dataset.main_dttm_col = "created_at"
    chart = dict(
        granularity="created_at",
        from_dttm=datetime(2000, 1, 1),
        to_dttm=datetime(2100, 1, 1),
        columns=["target_service_name", "status"],
        groupby=["target_service_name", "status"],
        metrics=["count"],
        filter=[{"col": "status", "op": "IN", "val": ["completed", "running"]}, {"col": "target_service_name", "op": "ILIKE", "val": "%e%"}],
        orderby=[("count", False)],
        is_timeseries=True,
        timeseries_limit=3,
        timeseries_limit_metric="count",
        row_limit=1000,
        extras={"time_grain_sqla": "PT5M", "having": "COUNT(*) > 0"},
        inner_from_dttm=datetime(2000, 1, 1),
        inner_to_dttm=datetime(2100, 1, 1),
    )
    answer = dataset.query(chart)
    results["chart"] = [answer.error_message, list(answer.df.columns), len(answer.df) > 0]
    results["chart_sql"] = answer.query
    results["values"] = sorted(dataset.values_for_column("status"))

    results["cost"] = spec.estimate_query_cost(database, catalog, schema, PREVIEW)
    # What it makes of errors.
    told = lambda work: spec.extract_errors(caught(work))[0]
    with database.get_raw_connection(catalog=catalog, schema=schema) as connection:
        # It would not send this by itself.
        wrong = told(lambda: connection.cursor().execute("select 1 as n fetch first row wrong"))
    results["errors"] = [wrong.error_type.name]
    other = Database(database_name="other", server_cert=database.server_cert, extra="{}")
    other.set_sqlalchemy_uri(url.set(database="elsewhere").render_as_string(hide_password=False))
    results["errors"].append(told(lambda: other.get_df("select 1")).error_type.name)
    results["message"] = told(lambda: frame(NO_COLUMN)).message
    results["error"] = failure(lambda: frame(NO_COLUMN))
    results["write"] = failure(lambda: frame(WRITE))

    # It asks for the process that answers, and ends it from another connection.
    with database.get_raw_connection(catalog=catalog, schema=schema) as connection:
        cursor = connection.cursor()
        process = spec.get_cancel_query_id(cursor, None)

        def cancel():
            with app.app_context(), database.get_raw_connection(catalog=catalog, schema=schema) as other:
                results["cancelled"] = spec.cancel_query(other.cursor(), None, process)

        timer = threading.Timer(0.5, cancel)
        timer.start()
        results["cancel"] = failure(lambda: cursor.execute(ENDLESS))
        timer.join()
    results["left"] = int(frame(f"select count(*) from pg_stat_activity where pid = {process}").iat[0, 0])
    return results


def caught(work):
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("no error")


with app.app_context():
    tell(main())
