"""SQLAlchemy's inspector, which Superset and most Python tools read a database with; and a query built from what it found."""

import sqlalchemy
from sqlalchemy import MetaData, create_engine, func, inspect, select

from common import failure, tell

results = {"client": f"sqlalchemy {sqlalchemy.__version__}"}
engine = create_engine("postgresql+psycopg://")
inspector = inspect(engine)
results["schemas"] = inspector.get_schema_names()
results["tables"] = sorted(inspector.get_table_names())
results["views"] = sorted(inspector.get_view_names())
comments, columns = inspector.get_multi_table_comment(), inspector.get_multi_columns()
results["uncommented"] = [table for (_, table), comment in comments.items() if not comment["text"]]
results["columns"] = {table: len(found) for (_, table), found in columns.items()}
results["types"] = {column["name"]: str(column["type"]) for column in columns[None, "state"]}
results["uncommented_columns"] = [
    f"{table}.{column['name']}" for (_, table), found in columns.items() for column in found if not column["comment"]
]
results["primary_key"] = inspector.get_pk_constraint("sys_journal")["constrained_columns"]
results["foreign_keys"] = sorted(
    [key["constrained_columns"], key["referred_table"], key["referred_columns"]]
    for key in inspector.get_foreign_keys("sys_journal")
)
results["indexes"] = inspector.get_indexes("sys_journal")
results["unique"] = inspector.get_unique_constraints("sys_journal")
results["checks"] = inspector.get_check_constraints("sys_journal")
results["definition"] = [view for view in inspector.get_view_names() if not inspector.get_view_definition(view)]

metadata = MetaData()
metadata.reflect(engine, only=["sys_invocation", "sys_journal", "state"])
invocation, journal = metadata.tables["sys_invocation"], metadata.tables["sys_journal"]
with engine.connect() as connection:
    results["preview"] = [len(connection.execute(select(invocation).limit(5)).fetchall()), len(invocation.columns)]
    completed = select(func.count()).select_from(invocation).where(invocation.c.status == "completed")
    results["completed"] = connection.execute(completed).scalar_one()
    # The foreign key is what joins them.
    joined = select(func.count()).select_from(journal.join(invocation, journal.c.id == invocation.c.id))
    results["joined"] = connection.execute(joined).scalar_one()
    state = metadata.tables["state"]
    streamed = connection.execution_options(yield_per=1000).execute(select(state))
    results["large"] = sum(len(rows) for rows in streamed.partitions())
    results["error"] = failure(lambda: connection.exec_driver_sql("select no_such_column from state"))
# Another connection: on that one every statement is declared as a cursor.
with engine.connect() as connection:
    results["write"] = failure(lambda: connection.execute(state.delete()))
tell(results)
