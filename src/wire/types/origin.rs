//! Where a result's column comes from: what the catalogue says of it in a field's metadata.

use arrow::datatypes::Field;
use postgres_types::Type;

/// Field metadata key: which column of which relation a field is, as `oid.attnum`; the catalogue sets it.
pub const PG_ORIGIN: &str = "pg.origin";

/// Where a result's column comes from, as RowDescription says it; zeros for an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The relation's OID.
    pub table: u32,
    /// `attnum`.
    pub column: i16,
}

impl Origin {
    /// As field metadata, under [`PG_ORIGIN`].
    pub fn to_metadata(self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}

/// The relation and column that a field is.
pub fn origin(field: &Field) -> Origin {
    let parse = || {
        let (table, column) = field.metadata().get(PG_ORIGIN)?.split_once('.')?;
        Some(Origin {
            table: table.parse().ok()?,
            column: column.parse().ok()?,
        })
    };
    parse().unwrap_or_default()
}

/// Field metadata key: the OID of the composite type that a row is of; the catalogue sets it.
pub const PG_ROW: &str = "pg.row";

/// The OID that RowDescription names: of a relation's row the relation's own type, which is written as any record is.
pub fn type_oid(field: &Field, ty: &Type) -> u32 {
    let row = || field.metadata().get(PG_ROW)?.parse().ok();
    match *ty {
        Type::RECORD => row().unwrap_or(ty.oid()),
        _ => ty.oid(),
    }
}
