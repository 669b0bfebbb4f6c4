//! sqlx: its pool, binary parameters and results of many types both ways, streamed rows, transactions within transactions, timeouts, and
//! what its checked macros ask of a server.
//!
//! Where to connect is in the variables that libpq reads, which sqlx reads too. See tests/lab/clients/common.py.

use std::{error::Error, time::Duration};

use futures::{TryStreamExt, future::try_join_all};
use serde_json::{Value, json};
use sqlx::{
    Acquire, AssertSqlSafe, Column, Connection, Executor, FromRow, PgPool, Row, SqlSafeStr, Statement, TypeInfo,
    postgres::{
        PgConnectOptions, PgConnection, PgPoolOptions, PgRow, PgTypeInfo,
        types::{Oid, PgInterval},
    },
    types::{
        Decimal, Json, Uuid,
        chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc},
    },
};

const TABLES: &str = "select table_name::text from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'";
const PREVIEW: &str = "select * from sys_invocation limit 5";
const COUNT: &str = "select count(*) from sys_invocation where status = ";
const LARGE: &str = "select * from state";
const NO_COLUMN: &str = "select no_such_column from state";
const WRITE: &str = "delete from state";
/// It ends in some hours, unless it is cancelled.
const ENDLESS: &str = "select count(*) from generate_series(1, 1000000000000) as t(n) where n % 7 = 8";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A row as a program declares it.
#[derive(Debug)]
struct Invocation {
    id: String,
    created_at: DateTime<Utc>,
    retry_count: Option<i64>,
}

impl FromRow<'_, PgRow> for Invocation {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Invocation {
            id: row.try_get("id")?,
            created_at: row.try_get("created_at")?,
            retry_count: row.try_get("retry_count")?,
        })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let pool = PgPoolOptions::new().max_connections(4).test_before_acquire(true);
    let pool = pool
        .connect_with(PgConnectOptions::new().application_name("sqlx"))
        .await?;
    let mut told = json!({ "client": "sqlx 0.9" });

    let mut tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&pool).await?;
    tables.sort();
    told["tables"] = json!(tables);
    let preview = pool.fetch_all(PREVIEW).await?;
    told["preview"] = json!([preview.len(), preview.first().map(|row| row.columns().len())]);
    let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(format!("{COUNT}$1")));
    told["completed"] = json!(count.bind("completed").fetch_one(&pool).await?);
    let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(format!("{COUNT}any($1)")));
    told["any"] = json!(count.bind(vec!["completed"]).fetch_one(&pool).await?);
    told["typed"] = typed(&pool).await?;
    told["values"] = values(&pool).await?;
    told["error"] = failure(pool.execute(NO_COLUMN).await);
    told["write"] = failure(pool.execute(WRITE).await);
    told["decoded"] = json!(
        sqlx::query_scalar::<_, i32>("select 'x'")
            .fetch_one(&pool)
            .await
            .is_err()
    );

    // Read row by row as it comes; and a stream that is left early, whose connection the pool gives out again.
    let rows = sqlx::query(LARGE).fetch(&pool);
    let large = rows.try_fold((0_i64, 0_usize), |(rows, bytes), row| async move {
        Ok((rows + 1, bytes + row.try_get::<Vec<u8>, _>("value")?.len()))
    });
    let (rows, bytes) = large.await?;
    told["large"] = json!(rows);
    told["bytes"] = json!(bytes > 0);
    told["left"] = left(&pool).await?;

    told["pooled"] = pooled(&pool).await?;
    told["transaction"] = transaction(&pool).await?;
    told["timeout"] = timeout(&pool).await?;
    told["cancel"] = cancel(&pool).await?;
    told["several"] = several(&pool).await?;
    let mut connection = PgConnection::connect_with(&PgConnectOptions::new()).await?;
    told["checked"] = checked(&mut connection).await?;
    connection.ping().await?;
    connection.close().await?;
    pool.close().await;
    println!("{told}");
    Ok(())
}

/// Parameters of several types filter a cluster's rows, which come as a program's own type.
async fn typed(pool: &PgPool) -> Result<Value> {
    let sql = "select id, created_at, retry_count from sys_invocation \
               where created_at > $1 and (retry_count = $2 or retry_count is null) and status <> all($3) \
               order by created_at, id limit $4";
    let query = sqlx::query_as::<_, Invocation>(sql)
        .bind(DateTime::<Utc>::UNIX_EPOCH)
        .bind(None::<i64>)
        .bind(vec!["invoked".to_owned()])
        .bind(3_i64);
    let found = query.fetch_all(pool).await?;
    let sorted = found.is_sorted_by_key(|invocation| (invocation.created_at, invocation.id.clone()));
    let first: Decimal =
        sqlx::query_scalar("select partition_key from state where partition_key > $1 order by 1 limit 1")
            .bind(Decimal::ONE)
            .fetch_one(pool)
            .await?;
    let none = found.iter().all(|row| row.retry_count.is_none());
    Ok(json!([found.len(), sorted, none, first > Decimal::ONE]))
}

/// Each value comes back as it went.
async fn values(pool: &PgPool) -> Result<Value> {
    async fn same<T>(pool: &PgPool, kind: &str, value: T) -> Result<Value>
    where
        T: for<'q> sqlx::Encode<'q, sqlx::Postgres> + for<'r> sqlx::Decode<'r, sqlx::Postgres>,
        T: sqlx::Type<sqlx::Postgres> + Clone + PartialEq + Send + Unpin + 'static,
    {
        let query = sqlx::query_as::<_, (T, Option<T>, String)>(AssertSqlSafe(format!(
            "select $1::{kind}, $2::{kind}, pg_typeof($1::{kind})::text"
        )));
        let (back, nothing, told) = query.bind(value.clone()).bind(None::<T>).fetch_one(pool).await?;
        Ok(json!(if back == value && nothing.is_none() {
            told
        } else {
            format!("not the {kind} that was sent")
        }))
    }
    let day = NaiveDate::from_ymd_opt(2026, 2, 3).ok_or("a day")?;
    let time = NaiveTime::from_hms_micro_opt(4, 5, 6, 789_123).ok_or("a time")?;
    let moment = NaiveDateTime::new(day, time);
    let interval = PgInterval {
        months: 14,
        days: -3,
        microseconds: 4_005_006,
    };
    Ok(json!([
        same(pool, "boolean", true).await?,
        same(pool, "smallint", i16::MIN).await?,
        same(pool, "integer", i32::MAX).await?,
        same(pool, "bigint", i64::MIN).await?,
        same(pool, "real", 0.1_f32).await?,
        same(pool, "double precision", -0.1_f64).await?,
        same(pool, "numeric", Decimal::new(-123_456_789_012_345, 4)).await?,
        same(pool, "text", "grüß 🚀 'x'".to_owned()).await?,
        same(pool, "bytea", vec![0_u8, 1, 255]).await?,
        same(pool, "date", day).await?,
        same(pool, "time", time).await?,
        same(pool, "timestamp", moment).await?,
        same(pool, "timestamptz", moment.and_utc()).await?,
        same(pool, "interval", interval).await?,
        same(pool, "uuid", Uuid::from_u128(0x0123_4567_89ab_cdef)).await?,
        same(pool, "oid", Oid(4_000_000_000)).await?,
        same(pool, "json", Json(json!({ "a": [1, null] }))).await?,
        same(pool, "jsonb", Json(json!({ "a": [1, null] }))).await?,
        same(pool, "text[]", vec![Some("a".to_owned()), None]).await?,
        same(pool, "bigint[]", vec![1_i64, -2]).await?,
        same(pool, "timestamptz[]", vec![moment.and_utc()]).await?,
        same(pool, "uuid[]", vec![Uuid::nil()]).await?,
        same(pool, "numeric[]", vec![Decimal::new(15, 1)]).await?,
    ]))
}

/// A stream that is dropped after some rows: the rest is read off the connection before it serves again.
async fn left(pool: &PgPool) -> Result<Value> {
    let mut connection = pool.acquire().await?;
    let mut rows = sqlx::query(LARGE).fetch(&mut *connection);
    let mut seen = 0;
    while seen < 3 && rows.try_next().await?.is_some() {
        seen += 1;
    }
    drop(rows);
    let after: i32 = sqlx::query_scalar("select 1").fetch_one(&mut *connection).await?;
    Ok(json!([seen, after]))
}

/// More statements at once than there are connections.
async fn pooled(pool: &PgPool) -> Result<Value> {
    let statements = (0_i64..100).map(|n| sqlx::query_scalar::<_, i64>("select $1 * 2").bind(n).fetch_one(pool));
    let doubled = try_join_all(statements).await?;
    Ok(json!([doubled.iter().sum::<i64>(), pool.size()]))
}

/// A savepoint is rolled back and its transaction goes on; a read-only transaction of one snapshot.
async fn transaction(pool: &PgPool) -> Result<Value> {
    let mut outer = pool
        .begin_with("begin isolation level repeatable read read only")
        .await?;
    let mut inner = outer.begin().await?;
    let error = failure(inner.execute(NO_COLUMN).await);
    inner.rollback().await?;
    let after: i32 = sqlx::query_scalar("select 1").fetch_one(&mut *outer).await?;
    let level: String = sqlx::query_scalar("show transaction isolation level")
        .fetch_one(&mut *outer)
        .await?;
    outer.commit().await?;
    // Dropped rather than ended: rolled back before the connection serves again.
    drop(pool.begin().await?);
    Ok(json!([error, after, level]))
}

/// The server's own limit, said by the connection's options.
async fn timeout(pool: &PgPool) -> Result<Value> {
    let options = PgConnectOptions::clone(&pool.connect_options()).options([("statement_timeout", "200")]);
    let mut connection = PgConnection::connect_with(&options).await?;
    let error = failure(connection.execute(ENDLESS).await);
    let after: i32 = sqlx::query_scalar("select 1").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(json!([error, after]))
}

/// sqlx sends no CancelRequest: a program cancels by the number of the process, on another connection.
async fn cancel(pool: &PgPool) -> Result<Value> {
    let mut connection = pool.acquire().await?;
    let process: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut *connection)
        .await?;
    let cancel = async {
        // Until it is heard: the statement may not have begun.
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let sql = "select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and state = 'active'";
            let heard: Option<bool> = sqlx::query_scalar(sql).bind(process).fetch_optional(pool).await?;
            if heard == Some(true) {
                return Ok::<_, sqlx::Error>(());
            }
        }
    };
    let (ended, cancelled) = tokio::join!(connection.execute(ENDLESS), cancel);
    cancelled?;
    let after: i32 = sqlx::query_scalar("select 1").fetch_one(&mut *connection).await?;
    Ok(json!([failure(ended), after]))
}

/// Several statements in one text, by the simple protocol: text results.
async fn several(pool: &PgPool) -> Result<Value> {
    let rows =
        sqlx::raw_sql("select 1 as n; select '2026-02-03 04:05:06+00'::timestamptz as t; select 1.50::numeric as d");
    let rows = rows.fetch_all(pool).await?;
    let [n, time, decimal] = rows.as_slice() else {
        return Err("three rows".into());
    };
    let (n, time, decimal) = (
        n.try_get::<i32, _>("n")?,
        time.try_get::<DateTime<Utc>, _>("t")?,
        decimal.try_get::<Decimal, _>("d")?,
    );
    Ok(json!([n, time.timestamp(), decimal.to_string()]))
}

/// What `query!` asks: parameters, columns, and which of them may be NULL, by the catalogue and by EXPLAIN of what it prepared.
async fn checked(connection: &mut PgConnection) -> Result<Value> {
    let sql = "select i.id, i.status, j.index, count(*) over () as n from sys_invocation as i join sys_journal as j on j.id = i.id \
               where i.created_at > $1 and i.status = any($2) limit $3";
    let statement = connection.prepare_with(sql.into_sql_str(), &[]).await?;
    let names = |types: &[PgTypeInfo]| types.iter().map(|kind| kind.name().to_owned()).collect::<Vec<_>>();
    let parameters = statement.parameters().and_then(|known| known.left().map(names));
    let columns: Vec<_> = statement
        .columns()
        .iter()
        .map(|column| column.type_info().name().to_owned())
        .collect();
    drop(statement);
    let described = connection.describe(sql.into_sql_str()).await?;
    let nullable: Vec<_> = (0..described.columns().len())
        .map(|at| described.nullable(at))
        .collect();
    Ok(json!([parameters, columns, nullable]))
}

/// The SQLSTATE of a failure.
fn failure<T>(result: sqlx::Result<T>) -> Value {
    match result {
        Ok(_) => json!("no error"),
        Err(sqlx::Error::Database(error)) => json!(error.code()),
        Err(error) => json!(error.to_string()),
    }
}
