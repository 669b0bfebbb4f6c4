//! The table of run-time parameters (`sql/settings.tsv`): what PostgreSQL 15 says about each of its own, and ours.

use std::{collections::HashMap, sync::LazyLock};

/// The type of a parameter's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vartype {
    Bool,
    Integer,
    Real,
    Enum,
    String,
}

/// Who may set a parameter, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    User,
    /// At connection start only.
    Backend,
    SuperuserBackend,
    Superuser,
    Sighup,
    Postmaster,
    Internal,
}

/// One parameter, in the columns of `pg_settings`; a text is empty where `pg_settings` has NULL.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    /// The value that a session starts with, in the parameter's unit.
    pub setting: &'static str,
    pub boot_val: &'static str,
    pub vartype: Vartype,
    pub unit: &'static str,
    pub min_val: &'static str,
    pub max_val: &'static str,
    pub enumvals: Vec<&'static str>,
    pub context: Context,
    /// Only a superuser may read it.
    pub hidden: bool,
    /// Not in `SHOW ALL` and `pg_settings`.
    pub unlisted: bool,
    pub category: &'static str,
    pub short_desc: &'static str,
    pub extra_desc: &'static str,
}

static TABLE: LazyLock<(Vec<Parameter>, HashMap<String, usize>)> = LazyLock::new(|| {
    let lines = include_str!("../../../sql/settings.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let parameters: Vec<Parameter> = lines.filter_map(parse).collect();
    let index = parameters
        .iter()
        .enumerate()
        .map(|(at, parameter)| (parameter.name.to_ascii_lowercase(), at))
        .collect();
    (parameters, index)
});

/// All parameters, by name.
pub fn parameters() -> &'static [Parameter] {
    &TABLE.0
}

/// A parameter by its name, whatever its case.
pub fn parameter(name: &str) -> Option<&'static Parameter> {
    let (parameters, index) = &*TABLE;
    index.get(&name.to_ascii_lowercase()).and_then(|at| parameters.get(*at))
}

/// A line of the table; none where it is not one, which a test rules out.
fn parse(line: &'static str) -> Option<Parameter> {
    let fields: [&str; 13] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let [
        name,
        setting,
        boot_val,
        vartype,
        unit,
        min_val,
        max_val,
        enumvals,
        context,
        flag,
        category,
        short_desc,
        extra_desc,
    ] = fields;
    Some(Parameter {
        name,
        setting,
        boot_val,
        vartype: match vartype {
            "bool" => Vartype::Bool,
            "integer" => Vartype::Integer,
            "real" => Vartype::Real,
            "enum" => Vartype::Enum,
            "string" => Vartype::String,
            _ => return None,
        },
        unit,
        min_val,
        max_val,
        enumvals: if enumvals.is_empty() {
            Vec::new()
        } else {
            enumvals.split(',').collect()
        },
        context: match context {
            "user" => Context::User,
            "backend" => Context::Backend,
            "superuser-backend" => Context::SuperuserBackend,
            "superuser" => Context::Superuser,
            "sighup" => Context::Sighup,
            "postmaster" => Context::Postmaster,
            "internal" => Context::Internal,
            _ => return None,
        },
        hidden: flag == "hidden",
        unlisted: flag == "unlisted",
        category,
        short_desc,
        extra_desc,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_parameter() {
        let lines = include_str!("../../../sql/settings.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'));
        assert_eq!(parameters().len(), lines.count());
        // 354 of PostgreSQL 15.18, four that pg_settings leaves out, two of ours.
        assert_eq!(parameters().len(), 360);
        let timezone = parameter("timezone").unwrap();
        assert_eq!(
            (timezone.name, timezone.setting, timezone.vartype),
            ("TimeZone", "UTC", Vartype::String)
        );
        assert_eq!(parameter("nothing"), None);
    }
}
