//! What a client sees of a cluster: the introspection tables as documented in `sql/`, `pg_catalog`, `information_schema`,
//! and the functions that Postgres clients call. Fetches no rows of a cluster.

pub mod docs;
