//! The catalogue as clients read it, held against PostgreSQL 15 with the same tables in it.

mod origin;
mod psql;
mod relations;
mod views;
