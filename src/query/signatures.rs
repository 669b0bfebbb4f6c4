//! The parameters of PostgreSQL's functions, as `pg_proc` has them: what an argument of no type yet is taken for.

use std::{collections::HashMap, sync::LazyLock};

use postgres_types::Type;

use crate::catalog::seed;

/// The type of a function's parameter at `position` of `count`; `None` where functions of that name and length differ in it,
/// where one takes a string (an argument of no type is one first), and where none is known.
pub(crate) fn parameter(name: &str, count: usize, position: usize) -> Option<Type> {
    static TYPES: LazyLock<HashMap<&'static str, Vec<Vec<u32>>>> = LazyLock::new(|| {
        let mut types: HashMap<_, Vec<_>> = HashMap::new();
        for proc in seed::rows("pg_proc") {
            let parameters = seed::get(proc, "proargtypes").split_ascii_whitespace();
            let parameters = parameters.filter_map(|oid| oid.parse().ok()).collect();
            types.entry(seed::get(proc, "proname")).or_default().push(parameters);
        }
        types
    });
    // The types' own functions: `$1::oid` and `$1::numeric` are calls of them.
    match name {
        "oid" => return Some(Type::OID),
        "pg_numeric" => return Some(Type::NUMERIC),
        _ => {}
    }
    let mut candidates = TYPES
        .get(name)?
        .iter()
        .filter(|parameters| parameters.len() == count)
        .filter_map(|parameters| parameters.get(position));
    let first = candidates.next()?;
    if candidates.any(|other| other != first) {
        return None;
    }
    // Of the types that take any, what is given decides.
    Type::from_oid(*first).filter(|ty| !ty.name().starts_with("any") && *ty != Type::TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_all_agree_on() {
        assert_eq!(parameter("pg_get_indexdef", 1, 0), Some(Type::OID));
        assert_eq!(parameter("pg_get_indexdef", 3, 1), Some(Type::INT4));
        assert_eq!(parameter("pg_total_relation_size", 1, 0), Some(Type::REGCLASS));
        // By OID or by name.
        assert_eq!(parameter("has_table_privilege", 2, 0), None);
        assert_eq!(parameter("lower", 1, 0), None);
        assert_eq!(parameter("no_such_function", 1, 0), None);
    }
}
