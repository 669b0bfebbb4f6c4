//! Functions that give rows of several columns, as lists of such rows: `aclexplode`, `pg_options_to_table`.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, ListArray, StringArray, StructArray},
    buffer::{NullBuffer, OffsetBuffer},
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Fields},
};
use datafusion::{
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};

use super::native::{engine_error, result, rows, signature};
use crate::catalog::{model::OWNER, types};

/// A row in text forms.
type Row = Vec<Option<String>>;

#[derive(Debug, Clone, Copy)]
pub(super) struct Records {
    name: &'static str,
    /// The rows' columns, with their types as `format_type` spells them.
    columns: &'static [(&'static str, &'static str)],
    rows: fn(&str) -> Vec<Row>,
}

const FUNCTIONS: [Records; 2] = [
    Records {
        name: "pg_acl_rows",
        columns: &[
            ("grantor", "oid"),
            ("grantee", "oid"),
            ("privilege_type", "text"),
            ("is_grantable", "boolean"),
        ],
        rows: privileges,
    },
    Records {
        name: "pg_option_rows",
        columns: &[("option_name", "text"), ("option_value", "text")],
        rows: |option| match option.split_once('=') {
            Some((name, value)) => vec![vec![Some(name.to_owned()), Some(value.to_owned())]],
            None => vec![vec![Some(option.to_owned()), None]],
        },
    },
];

/// The function of that name.
pub fn function(name: &str) -> Option<ScalarUDF> {
    let records = FUNCTIONS.into_iter().find(|records| records.name == name)?;
    Some(ScalarUDF::new_from_impl(records))
}

/// The columns of the rows that a set-returning function of PostgreSQL gives, and the function of their list.
pub fn set_returning(name: &str) -> Option<(&'static str, Vec<&'static str>)> {
    let list = match name {
        "aclexplode" => "pg_acl_rows",
        "pg_options_to_table" => "pg_option_rows",
        _ => return None,
    };
    let records = FUNCTIONS.iter().find(|records| records.name == list)?;
    Some((list, records.columns.iter().map(|(name, _)| *name).collect()))
}

/// The privileges by the letters of an `aclitem`, in the order in which aclexplode gives them.
const PRIVILEGES: [(char, &str); 14] = [
    ('a', "INSERT"),
    ('r', "SELECT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('X', "EXECUTE"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('T', "TEMPORARY"),
    ('c', "CONNECT"),
    ('s', "SET"),
    ('A', "ALTER SYSTEM"),
];

/// The rows of one `grantee=letters/grantor`; a letter with a star may be granted on. Everything here belongs to one role,
/// and what is granted to nobody in particular is PUBLIC's, whose OID is 0.
fn privileges(item: &str) -> Vec<Row> {
    let Some((grantee, rest)) = item.rsplit_once('=') else {
        return Vec::new();
    };
    let letters = rest.split_once('/').map_or(rest, |(letters, _)| letters);
    let grantee = if grantee.is_empty() { 0 } else { OWNER };
    let granted = PRIVILEGES.iter().filter_map(|(letter, privilege)| {
        let (_, after) = letters.split_once(*letter)?;
        Some(vec![
            Some(OWNER.to_string()),
            Some(grantee.to_string()),
            Some((*privilege).to_owned()),
            Some(after.starts_with('*').to_string()),
        ])
    });
    granted.collect()
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Records {}

impl Hash for Records {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Records {
    fn fields(&self) -> Fields {
        let field = |(name, pg_type): &(&str, &str)| types::field(name, pg_type, true);
        self.columns.iter().map(field).collect()
    }

    fn item(&self) -> FieldRef {
        Arc::new(Field::new_list_field(DataType::Struct(self.fields()), true))
    }
}

impl ScalarUDFImpl for Records {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Immutable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::List(self.item()))
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(Field::new(self.name, DataType::List(self.item()), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let (count, scalar) = rows(&args);
        let lists = match args.args.first() {
            Some(arg) => texts(&arg.to_array(count)?)?,
            None => vec![None; count],
        };
        let rows: Vec<Vec<Row>> = lists
            .iter()
            .map(|items| items.iter().flatten().flat_map(|item| (self.rows)(item)).collect())
            .collect();
        let columns = self.columns.iter().enumerate().map(|(index, (_, pg_type))| {
            let cells: Vec<Option<String>> = rows
                .iter()
                .flatten()
                .map(|row| row.get(index).cloned().flatten())
                .collect();
            types::array(pg_type, &cells).map_err(engine_error)
        });
        let columns = columns.collect::<EngineResult<Vec<_>>>()?;
        let list = ListArray::try_new(
            self.item(),
            OffsetBuffer::from_lengths(rows.iter().map(Vec::len)),
            Arc::new(StructArray::try_new(self.fields(), columns, None)?),
            Some(lists.iter().map(Option::is_some).collect::<NullBuffer>()),
        )?;
        result(Ok(Arc::new(list)), scalar)
    }
}

/// The items of each row's list, NULLs left out; a literal is a list in PostgreSQL's text form.
fn texts(lists: &ArrayRef) -> EngineResult<Vec<Option<Vec<String>>>> {
    let of = |items: &ArrayRef| -> EngineResult<Vec<String>> {
        let items: StringArray = cast(items, &DataType::Utf8)?.as_string::<i32>().clone();
        Ok(items.iter().flatten().map(str::to_owned).collect())
    };
    let rows = 0..lists.len();
    match lists.data_type() {
        DataType::List(_) => {
            let lists = lists.as_list::<i32>();
            rows.map(|row| lists.is_valid(row).then(|| of(&lists.value(row))).transpose())
                .collect()
        }
        DataType::Null => Ok(vec![None; lists.len()]),
        _ => {
            let texts = cast(lists, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            let items = |text: &str| {
                let mut items = Vec::new();
                types::elements(text, &mut items);
                items.into_iter().flatten().collect()
            };
            Ok(texts.iter().map(|text| text.map(items)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_of_several_columns() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select * from aclexplode('{demo=ar*/demo,=r/demo}')",
                vec!["10|10|INSERT|false", "10|10|SELECT|true", "10|0|SELECT|false"],
            ),
            (
                "select (aclexplode(relacl)).grantee from pg_class where relname = 'sys_journal'",
                vec![],
            ),
            (
                "select (d).privilege_type from (select aclexplode('{demo=U/demo}'::aclitem[]) as d) a",
                vec!["USAGE"],
            ),
            (
                "select option_name, option_value from pg_options_to_table(array['a=b', 'c', 'd=e=f'])",
                vec!["a|b", "c|", "d|e=f"],
            ),
            (
                "select o.* from pg_class c, pg_options_to_table(c.reloptions) o",
                vec![],
            ),
            ("select (pg_options_to_table('{a=b}')).option_name", vec!["a"]),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
        let types = engine
            .run("select * from aclexplode('{demo=U/demo}')")
            .await
            .unwrap()
            .types;
        let types: Vec<_> = types.iter().map(|name| name.as_deref().unwrap_or("")).collect();
        assert_eq!(types, ["oid", "oid", "text", "boolean"]);
    }
}
