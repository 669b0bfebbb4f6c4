//! Calls and constructs of PostgreSQL that are others of the engine's, or of this program's, by another name: what can be
//! said without knowing any type.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CastKind, CharacterLength, DataType, DateTimeField, ExactNumberInfo, Expr,
    Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident, ObjectName, OrderByExpr,
    TimezoneInfo, UnaryOperator, Value,
};

use postgres_types::Type;

use super::{arguments, call, function_name, literals, patterns, take, tuples};

pub fn text(value: impl Into<String>) -> Expr {
    Expr::value(Value::SingleQuotedString(value.into()))
}

fn number(value: impl ToString) -> Expr {
    Expr::value(Value::Number(value.to_string(), false))
}

pub fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    }
}

/// Expressions, from the leaves up.
pub fn expr(expr: &mut Expr) {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, false) if digits.parse::<i32>().is_ok() => *expr = literals::integer(take(expr)),
            // The parser has read its escapes.
            Value::UnicodeStringLiteral(read) => *expr = text(read.clone()),
            Value::SingleQuotedByteStringLiteral(bits) => *expr = call("pg_bits", vec![text(bits.clone())]),
            Value::HexStringLiteral(digits) => {
                let bits = digits.chars().map(|digit| match digit.to_digit(16) {
                    Some(value) => format!("{value:04b}"),
                    None => digit.to_string(),
                });
                *expr = call("pg_bits", vec![text(bits.collect::<String>())]);
            }
            _ => {}
        },
        Expr::Interval(interval) => {
            if let Some(literal) = quoted(&interval.value) {
                let unit = match (&interval.leading_field, &interval.last_field) {
                    (Some(field), None) => format!(" {field}"),
                    _ => String::new(),
                };
                *expr = cast(
                    text(format!("{literal}{unit}")),
                    DataType::Interval {
                        fields: None,
                        precision: None,
                    },
                );
            }
        }
        Expr::Extract { field, expr: of, .. } => {
            let name = match field {
                DateTimeField::Custom(name) => name.value.clone(),
                field => field.to_string(),
            };
            *expr = call("pg_extract", vec![text(name), take(of)]);
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            *expr = call("timezone", vec![take(time_zone), take(timestamp)]);
        }
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr: of,
            data_type,
            ..
        } => {
            if let Some(replacement) = shaped(of, data_type) {
                *expr = replacement;
            }
        }
        Expr::TypedString(typed) => {
            let of = &mut Expr::Value(typed.value.clone());
            if let Some(replacement) = shaped(of, &mut typed.data_type) {
                *expr = replacement;
            }
        }
        Expr::SimilarTo {
            negated,
            expr: of,
            pattern,
            escape_char,
        } => {
            let escape = match escape_char.as_ref().map(|value| &value.value) {
                Some(Value::SingleQuotedString(escape)) => escape.chars().next(),
                _ => Some('\\'),
            };
            if let Some(regex) = quoted(pattern).map(|pattern| patterns::similar(pattern, escape)) {
                *expr = Expr::BinaryOp {
                    left: Box::new(take(of)),
                    op: match negated {
                        true => BinaryOperator::PGRegexNotMatch,
                        false => BinaryOperator::PGRegexMatch,
                    },
                    right: Box::new(text(regex)),
                };
            }
        }
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::PGRegexMatch
            | BinaryOperator::PGRegexIMatch
            | BinaryOperator::PGRegexNotMatch
            | BinaryOperator::PGRegexNotIMatch => patterns::regular(right),
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => {
                if let (Expr::Tuple(first), Expr::Tuple(second)) = (left.as_ref(), right.as_ref())
                    && let Some(compared) = tuples::compared(op, first, second)
                {
                    *expr = Expr::Nested(Box::new(compared));
                }
            }
            BinaryOperator::Overlaps => {
                if let (Expr::Tuple(first), Expr::Tuple(second)) = (left.as_mut(), right.as_mut()) {
                    let points = first.iter_mut().chain(second.iter_mut()).map(take).collect();
                    *expr = call("pg_overlaps", points);
                }
            }
            _ => {}
        },
        Expr::InList {
            expr: of,
            list,
            negated,
        } => {
            if let Expr::Tuple(first) = of.as_ref() {
                let equal = list.iter().map(|item| match item {
                    Expr::Tuple(second) => tuples::compared(&BinaryOperator::Eq, first, second),
                    _ => None,
                });
                let any = equal
                    .collect::<Option<Vec<_>>>()
                    .and_then(|equal| tuples::joined(equal, BinaryOperator::Or));
                if let Some(any) = any {
                    let any = Expr::Nested(Box::new(any));
                    *expr = match negated {
                        true => Expr::UnaryOp {
                            op: UnaryOperator::Not,
                            expr: Box::new(any),
                        },
                        false => any,
                    };
                }
            }
        }
        Expr::UnaryOp { op, expr: of } => {
            let name = match op {
                UnaryOperator::PGAbs => "abs",
                UnaryOperator::PGSquareRoot => "sqrt",
                UnaryOperator::PGCubeRoot => "cbrt",
                UnaryOperator::BitwiseNot => "pg_bit_not",
                _ => return,
            };
            *expr = call(name, vec![take(of)]);
        }
        Expr::Function(function) => {
            literals::frame(function);
            if let Some(replacement) = replaced(function) {
                *expr = replacement;
            }
        }
        _ => {}
    }
}

/// `'now'::timestamptz`, `'today'::date`: the statement's time, whenever its plan is run.
fn present(literal: &Expr, data_type: &DataType) -> Option<Expr> {
    if !matches!(data_type, DataType::Date | DataType::Timestamp(..)) {
        return None;
    }
    let now = || call("now", Vec::new());
    let day = |distance: i64| {
        let today = cast(now(), DataType::Date);
        Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(today),
            op: BinaryOperator::Plus,
            right: Box::new(number(distance)),
        }))
    };
    let moment = match quoted(literal)?.trim().to_ascii_lowercase().as_str() {
        "now" => now(),
        "today" => day(0),
        "tomorrow" => day(1),
        "yesterday" => day(-1),
        _ => return None,
    };
    Some(cast(moment, data_type.clone()))
}

/// A cast to a type with a length or a precision, or to `numeric` without any.
fn shaped(of: &mut Expr, data_type: &mut DataType) -> Option<Expr> {
    use DataType::*;
    if let Some(moment) = present(of, data_type) {
        return Some(moment);
    }
    let length = |length: &Option<CharacterLength>, default: Option<u64>| match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) => None,
        None => default,
    };
    Some(match data_type {
        Varchar(cut) | CharacterVarying(cut) | CharVarying(cut) | Nvarchar(cut) => {
            let length = length(cut, None)?;
            call("pg_varchar", vec![cast(take(of), Text), number(length)])
        }
        Char(cut) | Character(cut) => {
            let length = length(cut, Some(1))?;
            call("pg_bpchar", vec![cast(take(of), Text), number(length)])
        }
        Numeric(ExactNumberInfo::None) | Decimal(ExactNumberInfo::None) | Dec(ExactNumberInfo::None) => {
            match quoted(of).and_then(scale) {
                Some(scale) => cast(take(of), Numeric(ExactNumberInfo::PrecisionAndScale(38, scale))),
                None => call("pg_numeric", vec![take(of)]),
            }
        }
        Bit(length) => call("pg_to_bit", vec![take(of), number(length.unwrap_or(1))]),
        BitVarying(None) | VarBit(None) => call("pg_bits", vec![take(of)]),
        Timestamp(digits @ Some(_), zone) => {
            let digits = digits.take()?;
            call(
                "pg_precision",
                vec![cast(take(of), Timestamp(None, *zone)), number(digits)],
            )
        }
        Time(digits @ Some(_), zone) => {
            let digits = digits.take()?;
            call("pg_precision", vec![cast(take(of), Time(None, *zone)), number(digits)])
        }
        _ => return None,
    })
}

/// The digits behind the point of a number that is written without an exponent.
fn scale(number: &str) -> Option<i64> {
    let number = number.trim();
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    let scale = number.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    (plain && number.len() < 38).then(|| i64::try_from(scale).ok())?
}

pub fn quoted(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Renames a call, whatever else it carries.
fn renamed(function: &Function, name: &str) -> Function {
    let mut function = function.clone();
    function.name = ObjectName::from(vec![Ident::new(name)]);
    function
}

/// The same call over other arguments.
fn with_arguments(function: &Function, name: &str, args: Vec<Expr>) -> Expr {
    let mut function = renamed(function, name);
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = args
            .into_iter()
            .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
            .collect();
    }
    Expr::Function(function)
}

/// Types whose name is also that of a function that casts to them.
const CASTS: [&str; 20] = [
    "bool",
    "bpchar",
    "bytea",
    "float4",
    "float8",
    "inet",
    "int2",
    "int4",
    "int8",
    "json",
    "jsonb",
    "name",
    "numeric",
    "pg_lsn",
    "text",
    "timestamptz",
    "uuid",
    "varchar",
    "xid",
    "xid8",
];

fn replaced(function: &mut Function) -> Option<Expr> {
    let name = function_name(function);
    if name == "make_interval" {
        return make_interval(function);
    }
    let now = || call("now", Vec::new());
    if matches!(function.args, FunctionArguments::None) {
        return match name.as_str() {
            "localtimestamp" => Some(cast(now(), DataType::Timestamp(None, TimezoneInfo::None))),
            "localtime" => Some(cast(now(), DataType::Time(None, TimezoneInfo::None))),
            _ => None,
        };
    }
    let args: Vec<Expr> = arguments(function)?.into_iter().cloned().collect();
    // `int4(x)`: a type's name before a value is a cast.
    if let ([of], true) = (args.as_slice(), CASTS.contains(&name.as_str())) {
        return Some(cast(of.clone(), DataType::Custom(function.name.clone(), Vec::new())));
    }
    Some(match (name.as_str(), args.as_slice()) {
        ("row", [_, ..]) => tuples::record(args),
        // A quoted literal is of no type yet.
        ("pg_typeof", [of]) if is_open(of) => call("regtype", vec![text(Type::UNKNOWN.oid().to_string())]),
        ("sum", [of]) => with_arguments(function, "sum", vec![call("pg_summand", vec![of.clone()])]),
        ("avg", [of]) => {
            let sum = with_arguments(function, "sum", vec![call("pg_summand", vec![of.clone()])]);
            let count = with_arguments(function, "count", vec![of.clone()]);
            call("pg_mean", vec![sum, count])
        }
        ("round" | "trunc", [of, places]) => match places_of(places) {
            Some(places) => call(&name, vec![of.clone(), number(places), text(places.to_string())]),
            None => return None,
        },
        ("array_remove", [_, _]) => Expr::Function(renamed(function, "array_remove_all")),
        ("array_replace", [_, _, _]) => Expr::Function(renamed(function, "array_replace_all")),
        ("array_positions", [_, _]) => {
            let list = ArrayElemTypeDef::SquareBracket(Box::new(DataType::Int4(None)), None);
            cast(Expr::Function(function.clone()), DataType::Array(list))
        }
        ("every", [_]) => Expr::Function(renamed(function, "bool_and")),
        ("variance", [_]) => Expr::Function(renamed(function, "var_samp")),
        ("row_number" | "rank" | "dense_rank", _) if function.over.is_some() => {
            cast(Expr::Function(function.clone()), DataType::BigInt(None))
        }
        ("ntile", _) if function.over.is_some() => cast(Expr::Function(function.clone()), DataType::Int4(None)),
        ("array_position" | "array_ndims" | "regexp_count" | "regexp_instr", _) => {
            cast(Expr::Function(function.clone()), DataType::Int4(None))
        }
        ("date_part", [_, _]) => Expr::Function(renamed(function, "pg_date_part")),
        ("ceiling", [_]) => Expr::Function(renamed(function, "ceil")),
        ("mod", [left, right]) => Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(left.clone()))),
            op: BinaryOperator::Modulo,
            right: Box::new(Expr::Nested(Box::new(right.clone()))),
        })),
        ("age", [of]) => {
            let today = cast(
                cast(now(), DataType::Date),
                DataType::Timestamp(None, TimezoneInfo::None),
            );
            call("age", vec![today, of.clone()])
        }
        ("date", [of]) => cast(of.clone(), DataType::Date),
        ("statement_timestamp" | "transaction_timestamp", []) => now(),
        ("current_timestamp", [digits]) => call("pg_precision", vec![now(), digits.clone()]),
        ("localtimestamp", [digits]) => {
            let local = cast(now(), DataType::Timestamp(None, TimezoneInfo::None));
            call("pg_precision", vec![local, digits.clone()])
        }
        ("mode", []) => ordered_set(function, "pg_mode", Vec::new())?,
        ("percentile_disc", [fraction]) => ordered_set(function, "pg_percentile_disc", vec![fraction.clone()])?,
        ("percentile_cont", [fraction @ (Expr::Array(_) | Expr::Cast { .. })]) if is_array(fraction) => {
            ordered_set(function, "pg_percentile_cont", vec![fraction.clone()])?
        }
        _ => return None,
    })
}

/// The places of `round(x, n)` where they are written as a number.
fn places_of(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Cast {
            expr,
            data_type: DataType::Int4(None),
            ..
        } => places_of(expr),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => places_of(expr).map(|places| -places),
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn is_open(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_) | Value::Null))
}

fn is_array(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Array(_)
            | Expr::Cast {
                data_type: DataType::Array(_),
                ..
            }
    )
}

/// `f(x) WITHIN GROUP (ORDER BY y)` as a function of the ordered list of the group's values.
fn ordered_set(function: &mut Function, name: &str, mut args: Vec<Expr>) -> Option<Expr> {
    let [key]: &[OrderByExpr; 1] = function.within_group.as_slice().try_into().ok()?;
    let mut list = call("array_agg", vec![key.expr.clone()]);
    if let Expr::Function(inner) = &mut list {
        inner.filter = function.filter.clone();
        if let FunctionArguments::List(list) = &mut inner.args {
            list.clauses.push(FunctionArgumentClause::OrderBy(vec![key.clone()]));
        }
    }
    args.insert(0, list);
    Some(call(name, args))
}

/// `make_interval(days => 10)`, by position.
fn make_interval(function: &Function) -> Option<Expr> {
    const NAMES: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let mut places: Vec<Expr> = NAMES.iter().map(|_| number(0)).collect();
    for (index, arg) in list.args.iter().enumerate() {
        let (place, value) = match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (index, value),
            FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(value),
                ..
            }
            | FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                ..
            } => (
                NAMES.iter().position(|known| name.value.eq_ignore_ascii_case(known))?,
                value,
            ),
            _ => return None,
        };
        *places.get_mut(place)? = value.clone();
    }
    Some(call("make_interval", places))
}
