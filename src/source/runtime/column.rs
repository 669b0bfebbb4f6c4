//! How a column is read where the plain name would give something else.

use arrow::datatypes::{DataType, Schema};

use super::filter::quote;

/// Columns that a runtime fills only where another column is read in the same scan, and that other column: a fault of all releases
/// so far, 1.7.12 among them (its row for a scheduled or inboxed invocation asks for the one and writes the other).
const READ_TOGETHER: [(&str, &str); 1] = [("scheduled_start_at", "scheduled_at")];

/// The value of the column `name` of a table, whose columns are `schema`, called `qualifier` (with its dot) in the query.
///
/// `veiled`: text is not recognised as a key. A runtime looks rows up by a text that its filters compare with an id, and fails where
/// that text is no id (`non valid invocation id`): to PostgreSQL it is a text like any other, which no row has.
pub(crate) fn column(schema: &Schema, qualifier: &str, name: &str, veiled: bool) -> String {
    let plain = format!("{qualifier}{}", quote(name));
    if veiled
        && schema
            .field_with_name(name)
            .is_ok_and(|field| is_text(field.data_type()))
    {
        return format!("substr({plain}, 1)");
    }
    let together = READ_TOGETHER.iter().find(|(column, _)| *column == name);
    match together.filter(|(_, other)| schema.column_with_name(other).is_some()) {
        Some((_, other)) => beside(&plain, &format!("{qualifier}{}", quote(other))),
        None => plain,
    }
}

/// A column where the other one is looked at: both branches are the same, and that is all that matters.
fn beside(plain: &str, other: &str) -> String {
    format!("CASE WHEN {other} IS NULL THEN {plain} ELSE {plain} END")
}

/// The name alone of what [`column`] made of a column, where a query's result has the other column as well (`t0."scheduled_at"` among
/// `columns`): it is read in any case.
pub(crate) fn read_beside<'a>(sql: &str, columns: impl IntoIterator<Item = &'a str>) -> Option<String> {
    columns.into_iter().find_map(|column| {
        READ_TOGETHER.iter().find_map(|(name, other)| {
            let plain = format!("{}{}", column.strip_suffix(&quote(other))?, quote(name));
            (sql == beside(&plain, column)).then_some(plain)
        })
    })
}

/// The same in a SELECT that yields `columns` of the table: beside the other column the name is enough. (Planning the expression took a
/// runtime longer than a lookup takes.)
pub(super) fn listed(schema: &Schema, columns: &Schema, name: &str) -> String {
    let is_beside = |(column, other): &(&str, &str)| *column == name && columns.column_with_name(other).is_some();
    match READ_TOGETHER.iter().any(is_beside) {
        true => quote(name),
        false => column(schema, "", name, false),
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, TimeUnit};

    use super::*;

    #[test]
    fn a_column_is_its_name_but_for_faults_and_keys() {
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()));
        let schema = Schema::new(vec![
            Field::new("id", DataType::LargeUtf8, true),
            Field::new("scheduled_at", time.clone(), true),
            Field::new("scheduled_start_at", time, true),
        ]);
        assert_eq!(column(&schema, "t0.", "id", false), "t0.\"id\"");
        assert_eq!(column(&schema, "t0.", "id", true), "substr(t0.\"id\", 1)");
        assert_eq!(column(&schema, "", "scheduled_at", true), "\"scheduled_at\"");
        assert_eq!(
            column(&schema, "", "scheduled_start_at", false),
            "CASE WHEN \"scheduled_at\" IS NULL THEN \"scheduled_start_at\" ELSE \"scheduled_start_at\" END"
        );
        let both = column(&schema, "t0.", "scheduled_start_at", false);
        let read = |columns: &[&str]| read_beside(&both, columns.iter().copied());
        assert_eq!(
            read(&["t0.\"id\"", "t0.\"scheduled_at\""]).as_deref(),
            Some("t0.\"scheduled_start_at\"")
        );
        assert_eq!(read(&["t1.\"scheduled_at\"", "t0.\"id\""]), None);
        let alone = schema.project(&[2]).unwrap();
        assert_eq!(
            column(&alone, "", "scheduled_start_at", false),
            "\"scheduled_start_at\""
        );
        assert_eq!(listed(&schema, &schema, "scheduled_start_at"), "\"scheduled_start_at\"");
        assert_eq!(
            listed(&schema, &alone, "scheduled_start_at"),
            column(&schema, "", "scheduled_start_at", false)
        );
    }
}
