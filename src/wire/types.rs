//! Arrow data types → PostgreSQL types.
//!
//! A field may carry the PostgreSQL type that it stands for in its metadata under [`PG_TYPE`]; it wins over the Arrow
//! type. The catalogue sets it (`oid`, `name`, `bigint` for an unsigned 64-bit length …), the encoder and Describe read it.

/// Field metadata key: the PostgreSQL type, as `format_type` spells it (`bigint`, `numeric(20,0)`, `oid`, `"char"`, `name[]`).
pub const PG_TYPE: &str = "pg.type";
