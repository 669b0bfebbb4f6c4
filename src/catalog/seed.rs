//! What PostgreSQL 15 itself has, from the data files under `sql/`: the relations of `pg_catalog` and
//! `information_schema` with their columns, and the rows that are the same in every database. Parsed once a process.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

/// A relation of `pg_catalog` or `information_schema`.
#[derive(Debug)]
pub struct SystemRelation {
    pub oid: u32,
    pub schema: &'static str,
    pub name: &'static str,
    /// `r` or `v`, as `pg_class.relkind`.
    pub kind: &'static str,
    pub row_type: u32,
    pub array_type: u32,
    /// One for all databases of a server.
    pub shared: bool,
    pub columns: Vec<SystemColumn>,
}

/// One of its columns.
#[derive(Debug)]
pub struct SystemColumn {
    pub name: &'static str,
    /// The type as `format_type` spells it; of a domain its base type.
    pub pg_type: &'static str,
    /// The domain of `information_schema` that the column is of.
    pub domain: Option<&'static str>,
    pub not_null: bool,
    /// OID of its collation where that is another than its type's: a view's column inherits one from below.
    pub collation: Option<u32>,
    /// Dimensions that it was declared with; a view's array has none.
    pub dimensions: i16,
}

/// A builtin type: what `pg_type` says that other relations repeat.
#[derive(Debug)]
pub struct SystemType {
    pub oid: u32,
    pub name: &'static str,
    pub namespace: u32,
    pub len: i16,
    pub by_value: bool,
    /// `b` base, `d` domain, `p` pseudo, `r` range, `m` multirange.
    pub kind: &'static str,
    pub category: &'static str,
    pub align: &'static str,
    pub storage: &'static str,
    pub element: u32,
    pub array: u32,
    pub base: u32,
    pub collation: u32,
}

/// One row of a data file, by column name; NULLs are left out.
pub type Row = Vec<(&'static str, &'static str)>;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../sql/", $name, ".csv")))),*]
    };
}

/// Relations whose rows are the same everywhere.
const FILES: [(&str, &str); 22] = files![
    "pg_catalog/pg_aggregate",
    "pg_catalog/pg_am",
    "pg_catalog/pg_cast",
    "pg_catalog/pg_collation",
    "pg_catalog/pg_language",
    "pg_catalog/pg_opclass",
    "pg_catalog/pg_operator",
    "pg_catalog/pg_opfamily",
    "pg_catalog/pg_proc",
    "pg_catalog/pg_range",
    "pg_catalog/pg_settings",
    "pg_catalog/pg_tablespace",
    "pg_catalog/pg_ts_config",
    "pg_catalog/pg_ts_dict",
    "pg_catalog/pg_ts_parser",
    "pg_catalog/pg_ts_template",
    "pg_catalog/pg_type",
    "information_schema/sql_features",
    "information_schema/sql_implementation_info",
    "information_schema/sql_parts",
    "information_schema/sql_sizing",
    "pg_catalog/keywords",
];

static ROWS: LazyLock<HashMap<&'static str, Vec<Row>>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(path, text)| (file_name(path), parse(text)))
        .collect()
});

fn file_name(path: &'static str) -> &'static str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The rows of the data file of that name, none when there is no such file.
pub fn rows(name: &str) -> &'static [Row] {
    ROWS.get(name).map_or(&[], Vec::as_slice)
}

/// The value of a column of a row, `""` where it is NULL.
pub fn get(row: &Row, column: &str) -> &'static str {
    row.iter()
        .find(|(name, _)| *name == column)
        .map_or("", |(_, value)| value)
}

/// The value of a numeric column of a row, the type's zero where it is NULL.
pub fn number<T: std::str::FromStr + Default>(row: &Row, column: &str) -> T {
    get(row, column).parse().unwrap_or_default()
}

/// Every relation of `pg_catalog`, then those of `information_schema`.
pub fn relations() -> &'static [SystemRelation] {
    static RELATIONS: LazyLock<Vec<SystemRelation>> = LazyLock::new(|| {
        let mut columns: BTreeMap<&str, Vec<SystemColumn>> = BTreeMap::new();
        for row in parse(include_str!("../../sql/pg_catalog/columns.csv")) {
            columns.entry(get(&row, "relation")).or_default().push(SystemColumn {
                name: get(&row, "name"),
                pg_type: get(&row, "type"),
                domain: Some(get(&row, "domain")).filter(|domain| !domain.is_empty()),
                not_null: get(&row, "not_null") == "t",
                collation: get(&row, "collation").parse().ok(),
                dimensions: number(&row, "dims"),
            });
        }
        parse(include_str!("../../sql/pg_catalog/relations.csv"))
            .iter()
            .map(|row| SystemRelation {
                oid: number(row, "oid"),
                schema: get(row, "schema"),
                name: get(row, "name"),
                kind: get(row, "kind"),
                row_type: number(row, "rowtype"),
                array_type: number(row, "rowarray"),
                shared: get(row, "shared") == "t",
                columns: columns
                    .remove(format!("{}.{}", get(row, "schema"), get(row, "name")).as_str())
                    .unwrap_or_default(),
            })
            .collect()
    });
    &RELATIONS
}

/// Every builtin type by OID.
pub fn types() -> &'static BTreeMap<u32, SystemType> {
    static TYPES: LazyLock<BTreeMap<u32, SystemType>> = LazyLock::new(|| {
        rows("pg_type")
            .iter()
            .map(|row| {
                let system_type = SystemType {
                    oid: number(row, "oid"),
                    name: get(row, "typname"),
                    namespace: number(row, "typnamespace"),
                    len: number(row, "typlen"),
                    by_value: get(row, "typbyval") == "t",
                    kind: get(row, "typtype"),
                    category: get(row, "typcategory"),
                    align: get(row, "typalign"),
                    storage: get(row, "typstorage"),
                    element: number(row, "typelem"),
                    array: number(row, "typarray"),
                    base: number(row, "typbasetype"),
                    collation: number(row, "typcollation"),
                };
                (system_type.oid, system_type)
            })
            .collect()
    });
    &TYPES
}

/// The builtin type of that `pg_type.typname`.
pub fn type_named(name: &str) -> Option<&'static SystemType> {
    static BY_NAME: LazyLock<HashMap<&'static str, u32>> =
        LazyLock::new(|| types().values().map(|t| (t.name, t.oid)).collect());
    types().get(BY_NAME.get(name)?)
}

/// The OID of a builtin type, or of a system relation's row type, by its name.
pub fn type_oid(name: &str) -> Option<u32> {
    let row_type = || relations().iter().find(|relation| relation.name == name);
    match type_named(name) {
        Some(system_type) => Some(system_type.oid),
        None => row_type().map(|relation| relation.row_type),
    }
}

/// The type of arrays of such a type.
pub fn array_oid(element: u32) -> Option<u32> {
    let row_type = || relations().iter().find(|relation| relation.row_type == element);
    let array = match types().get(&element) {
        Some(system_type) => system_type.array,
        None => row_type()?.array_type,
    };
    (array != 0).then_some(array)
}

/// Encoding numbers with their names, as `pg_encoding_to_char` gives them.
pub fn encodings() -> impl Iterator<Item = (i32, &'static str)> {
    static ENCODINGS: LazyLock<Vec<Row>> = LazyLock::new(|| parse(include_str!("../../sql/pg_catalog/encodings.csv")));
    ENCODINGS.iter().map(|row| (number(row, "encoding"), get(row, "name")))
}

/// CSV as `COPY … (FORMAT csv, HEADER)` writes it: an unquoted empty field is NULL, a quoted one the empty string.
///
/// Quoted fields of the data files hold no doubled quotes but in a few type names, which are what `leak` is for: once a
/// process, some bytes.
fn parse(text: &'static str) -> Vec<Row> {
    let mut records = Vec::new();
    let mut record: Vec<Option<&'static str>> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut end = 0;
            let mut doubled = false;
            while let Some(at) = quoted[end..].find('"') {
                end += at;
                if quoted[end + 1..].starts_with('"') {
                    doubled = true;
                    end += 2;
                } else {
                    break;
                }
            }
            let field = &quoted[..end];
            record.push(Some(if doubled {
                field.replace("\"\"", "\"").leak()
            } else {
                field
            }));
            rest = quoted.get(end + 1..).unwrap_or("");
        } else {
            let end = rest.find([',', '\n']).unwrap_or(rest.len());
            record.push(Some(&rest[..end]).filter(|field| !field.is_empty()));
            rest = &rest[end..];
        }
        match rest.strip_prefix(',') {
            Some(next) if next.is_empty() || next.starts_with('\n') => {
                record.push(None);
                rest = next;
            }
            Some(next) => {
                rest = next;
                continue;
            }
            None => {}
        }
        if let Some(next) = rest.strip_prefix('\n') {
            records.push(std::mem::take(&mut record));
            rest = next;
        }
    }
    let mut records = records.into_iter();
    let header: Vec<&str> = records.next().unwrap_or_default().into_iter().flatten().collect();
    records
        .map(|record| {
            header
                .iter()
                .copied()
                .zip(record)
                .filter_map(|(name, value)| Some((name, value?)))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_of_postgresql_15_is_there_with_its_columns() {
        let count = |schema| relations().iter().filter(|relation| relation.schema == schema).count();
        // select count(*) from pg_class where relkind in ('r','v') and relnamespace = …::regnamespace
        assert_eq!((count("pg_catalog"), count("information_schema")), (139, 69));
        assert!(relations().iter().all(|relation| !relation.columns.is_empty()));
        let class = relations().iter().find(|relation| relation.name == "pg_class").unwrap();
        assert_eq!((class.oid, class.columns.len()), (1259, 33));
        assert_eq!(
            (class.columns[16].name, class.columns[16].pg_type),
            ("relkind", "\"char\"")
        );
    }

    #[test]
    fn null_and_the_empty_string_stay_apart() {
        let rows = parse("a,b,c\n1,,\"\"\n\"x,\"\"y\"\"\",2,\n");
        assert_eq!(
            rows,
            vec![vec![("a", "1"), ("c", "")], vec![("a", "x,\"y\""), ("b", "2")]]
        );
    }

    #[test]
    fn types_have_postgresqls_oids() {
        let int8 = type_named("int8").unwrap();
        assert_eq!((int8.oid, int8.array, int8.len), (20, 1016, 8));
        assert_eq!(type_named("_text").unwrap().oid, 1009);
    }

    #[test]
    fn every_data_file_has_rows() {
        for (path, _) in FILES {
            assert!(!rows(file_name(path)).is_empty(), "{path}");
        }
        assert_eq!(encodings().find(|(_, name)| *name == "UTF8"), Some((6, "UTF8")));
    }
}
