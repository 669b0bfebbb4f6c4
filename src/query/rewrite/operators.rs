//! Operators that depend on the types of what they stand between and that PostgreSQL defines otherwise than the engine:
//! division of numerics, arithmetic that must not leave its type, intervals and dates, JSON, arrays, text beside other types.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::{
    common::{DFSchema, ScalarValue, internal_err},
    error::Result as EngineResult,
    logical_expr::{
        BinaryExpr, Cast, Expr, ExprSchemable, Operator,
        expr::ScalarFunction,
        planner::{ExprPlanner, PlannerResult, RawBinaryExpr},
    },
    sql::sqlparser::ast::BinaryOperator,
};

use crate::catalog::{
    facts::SessionFacts,
    functions,
    types::{self, pg_type_of},
};

/// The operators, as one session has them.
#[derive(Debug)]
pub struct TypedOperators {
    pub facts: Arc<SessionFacts>,
}

/// What an operand is, as far as operators care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Decimal,
    Float,
    Text,
    /// A quoted literal, whose type the other side decides.
    Unknown,
    Json,
    Jsonb,
    /// A place in a log.
    Lsn,
    /// A string of bits.
    Bits,
    Bytes,
    Date,
    Timestamp,
    Interval,
    List,
    Other,
}

fn kind(expr: &Expr, field: &FieldRef) -> Kind {
    let named = pg_type_of(field);
    match field.data_type() {
        integer if integer.is_integer() => Kind::Integer,
        DataType::Decimal128(..) | DataType::Decimal256(..) => Kind::Decimal,
        float if float.is_floating() => Kind::Float,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => match named {
            Some("json") => Kind::Json,
            Some("jsonb") => Kind::Jsonb,
            Some("pg_lsn") => Kind::Lsn,
            _ if functions::bits::is_bits(field) => Kind::Bits,
            _ if matches!(expr, Expr::Literal(..)) => Kind::Unknown,
            _ => Kind::Text,
        },
        DataType::Union(..) => Kind::Jsonb,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Kind::Bytes,
        DataType::Date32 => Kind::Date,
        DataType::Timestamp(..) => Kind::Timestamp,
        DataType::Interval(_) | DataType::Duration(_) => Kind::Interval,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => Kind::List,
        _ => Kind::Other,
    }
}

impl ExprPlanner for TypedOperators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> EngineResult<PlannerResult<RawBinaryExpr>> {
        let (Ok((_, left)), Ok((_, right))) = (expr.left.to_field(schema), expr.right.to_field(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let kinds = (kind(&expr.left, &left), kind(&expr.right, &right));
        self.plan(expr, kinds, (&left, &right))
    }
}

impl TypedOperators {
    fn plan(
        &self,
        mut expr: RawBinaryExpr,
        kinds: (Kind, Kind),
        fields: (&FieldRef, &FieldRef),
    ) -> EngineResult<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator as Op;
        use Kind::*;
        if let Some(planned) = self.arithmetic(&expr, kinds, fields)? {
            return Ok(PlannerResult::Planned(planned));
        }
        let swap = |expr: RawBinaryExpr| vec![expr.right, expr.left];
        let both = |expr: RawBinaryExpr| vec![expr.left, expr.right];
        let planned = |name: &str, args: Vec<Expr>| self.call(name, args).map(PlannerResult::Planned);
        let function = match (&expr.op, kinds) {
            (Op::Divide, (Decimal, Decimal | Integer) | (Integer, Decimal)) => "pg_divide",
            (Op::Multiply, (Interval, Integer | Decimal | Float)) => "pg_interval_multiply",
            (Op::Multiply, (Integer | Decimal | Float, Interval)) => {
                return planned("pg_interval_multiply", swap(expr));
            }
            (Op::Divide, (Interval, Integer | Decimal | Float)) => "pg_interval_divide",
            (Op::Arrow, _) => "pg_json_get",
            (Op::LongArrow, _) => "pg_json_get_text",
            (Op::HashArrow, _) => "pg_json_path",
            (Op::HashLongArrow, _) => "pg_json_path_text",
            (Op::HashMinus, _) => "pg_json_delete_path",
            (Op::AtArrow, (Jsonb | Json, _) | (_, Jsonb | Json)) => "pg_json_contains",
            (Op::ArrowAt, (Jsonb | Json, _) | (_, Jsonb | Json)) => return planned("pg_json_contains", swap(expr)),
            (Op::Question, _) => "pg_json_exists",
            (Op::QuestionPipe, _) => "pg_json_exists_any",
            (Op::QuestionAnd, _) => "pg_json_exists_all",
            (Op::StringConcat, (Jsonb, _) | (_, Jsonb)) => "pg_json_concat",
            (Op::BitwiseAnd, (Bits, Bits | Unknown) | (Unknown, Bits)) => "pg_bits_and",
            (Op::BitwiseOr, (Bits, Bits | Unknown) | (Unknown, Bits)) => "pg_bits_or",
            (Op::BitwiseXor | Op::PGBitwiseXor, (Bits, Bits | Unknown) | (Unknown, Bits)) => "pg_bits_xor",
            (Op::Minus, (Jsonb, _)) => "pg_json_delete",
            (Op::Minus, (Lsn, Lsn | Unknown) | (Unknown, Lsn)) => "pg_wal_lsn_diff",
            (Op::PGOverlap, (List, _) | (_, List)) => "array_has_any",
            (Op::PGStartsWith, _) => "starts_with",
            (Op::PGExp, (Float, _) | (_, Float) | (Decimal | Integer, Decimal | Integer)) => "power",
            (Op::StringConcat, (Bytes, Bytes | Unknown) | (Unknown, Bytes)) => "pg_bytes_concat",
            (Op::StringConcat, (Text | Unknown, other) | (other, Text | Unknown))
                if !matches!(other, List | Text | Unknown | Json | Other | Bytes) =>
            {
                let RawBinaryExpr { left, right, .. } = expr;
                let as_text = |side: Expr, kind: Kind| match kind {
                    Text | Unknown => Ok(side),
                    _ => self.call("pg_text", vec![side]),
                };
                let (left, right) = (as_text(left, kinds.0)?, as_text(right, kinds.1)?);
                let joined = BinaryExpr::new(Box::new(left), Operator::StringConcat, Box::new(right));
                return Ok(PlannerResult::Planned(Expr::BinaryExpr(joined)));
            }
            (Op::Minus, (Date, Date)) => {
                let days = BinaryExpr::new(Box::new(expr.left), Operator::Minus, Box::new(expr.right));
                let days = Cast::new(Box::new(Expr::BinaryExpr(days)), DataType::Int32);
                return Ok(PlannerResult::Planned(Expr::Cast(days)));
            }
            // A date and a time of day are a timestamp.
            (Op::Plus | Op::Minus, (Date, Interval)) => {
                expr.left = timestamp(expr.left);
                return Ok(PlannerResult::Original(expr));
            }
            (Op::Plus, (Interval, Date)) => {
                expr.right = timestamp(expr.right);
                return Ok(PlannerResult::Original(expr));
            }
            (
                Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq,
                (Interval, Interval | Unknown) | (Unknown, Interval),
            ) if !is_duration(fields) => {
                expr.left = self.call("pg_interval_order", vec![expr.left])?;
                expr.right = self.call("pg_interval_order", vec![expr.right])?;
                return Ok(PlannerResult::Original(expr));
            }
            (Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq, (Bytes, Unknown)) => {
                expr.right = literal_as(expr.right, fields.0);
                return Ok(PlannerResult::Original(expr));
            }
            (Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq, (Unknown, Bytes)) => {
                expr.left = literal_as(expr.left, fields.1);
                return Ok(PlannerResult::Original(expr));
            }
            // A day begins in the session's zone.
            (Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq, (Timestamp, Date)) if zoned(fields.0) => {
                expr.right = Expr::Cast(Cast::new(Box::new(expr.right), fields.0.data_type().clone()));
                return Ok(PlannerResult::Original(expr));
            }
            (Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq, (Date, Timestamp)) if zoned(fields.1) => {
                expr.left = Expr::Cast(Cast::new(Box::new(expr.left), fields.1.data_type().clone()));
                return Ok(PlannerResult::Original(expr));
            }
            (Op::Eq | Op::NotEq, (Jsonb, Jsonb | Unknown) | (Unknown, Jsonb)) => {
                expr.left = self.call("pg_jsonb_text", vec![expr.left])?;
                expr.right = self.call("pg_jsonb_text", vec![expr.right])?;
                return Ok(PlannerResult::Original(expr));
            }
            // A quoted literal beside a time is an interval, and so it is beside an interval.
            (Op::Plus, (Timestamp, Unknown)) | (Op::Plus | Op::Minus, (Interval, Unknown)) => {
                expr.right = interval_of(expr.right);
                return Ok(PlannerResult::Original(expr));
            }
            (Op::Plus, (Unknown, Timestamp)) | (Op::Plus | Op::Minus, (Unknown, Interval)) => {
                expr.left = interval_of(expr.left);
                return Ok(PlannerResult::Original(expr));
            }
            // A quoted number takes the other side's type.
            (Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo, (Unknown, Integer | Decimal | Float)) => {
                expr.left = literal_as(expr.left, fields.1);
                return self.plan(expr, (kinds.1, kinds.1), (fields.1, fields.1));
            }
            (Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo, (Integer | Decimal | Float, Unknown)) => {
                expr.right = literal_as(expr.right, fields.0);
                return self.plan(expr, (kinds.0, kinds.0), (fields.0, fields.0));
            }
            _ => return Ok(PlannerResult::Original(expr)),
        };
        planned(function, both(expr))
    }

    /// Arithmetic of integers and floats, in the type that PostgreSQL does it in: columns that are counts (the engine knows them as
    /// unsigned) would become huge where they should be negative. What leaves its type all the same is seen to when it is known where it
    /// is computed (`query::checked`).
    fn arithmetic(
        &self,
        expr: &RawBinaryExpr,
        kinds: (Kind, Kind),
        (left, right): (&FieldRef, &FieldRef),
    ) -> EngineResult<Option<Expr>> {
        use Kind::{Decimal, Float, Integer};
        let (checked, operator) = match expr.op {
            BinaryOperator::Plus => ("pg_add", Operator::Plus),
            BinaryOperator::Minus => ("pg_subtract", Operator::Minus),
            BinaryOperator::Multiply => ("pg_multiply", Operator::Multiply),
            BinaryOperator::Divide => ("pg_quotient", Operator::Divide),
            BinaryOperator::Modulo => ("", Operator::Modulo),
            _ => return Ok(None),
        };
        let (function, data_type) = match kinds {
            (Integer, Integer) => match (signed(left), signed(right)) {
                (Some(left), Some(right)) => {
                    let wider = if width(&left) < width(&right) { right } else { left };
                    let function = match operator {
                        Operator::Divide | Operator::Modulo => None,
                        _ => Some(checked),
                    };
                    (function, wider)
                }
                // An integer that is kept without a sign and is a numeric to a client.
                _ => {
                    let numeric = |side: &Expr, field: &FieldRef| match signed(field) {
                        Some(_) => side.clone(),
                        None => Expr::Cast(Cast::new(Box::new(side.clone()), DataType::Decimal128(20, 0))),
                    };
                    let (left, right) = (numeric(&expr.left, left), numeric(&expr.right, right));
                    if operator == Operator::Divide {
                        return self.call("pg_divide", vec![left, right]).map(Some);
                    }
                    let numeric = BinaryExpr::new(Box::new(left), operator, Box::new(right));
                    return Ok(Some(Expr::BinaryExpr(numeric)));
                }
            },
            (Float, Float | Integer | Decimal) | (Integer | Decimal, Float) if operator != Operator::Modulo => {
                let is_real = |field: &FieldRef| *field.data_type() == DataType::Float32;
                let real = is_real(left) && is_real(right);
                (Some(checked), if real { DataType::Float32 } else { DataType::Float64 })
            }
            _ => return Ok(None),
        };
        let as_type = |side: &Expr, field: &FieldRef| match *field.data_type() == data_type {
            true => side.clone(),
            false => Expr::Cast(Cast::new(Box::new(side.clone()), data_type.clone())),
        };
        let (left, right) = (as_type(&expr.left, left), as_type(&expr.right, right));
        match function {
            // What the engine would fold to a constant that has wrapped.
            Some(function) if is_constant(&left) && is_constant(&right) => {
                self.call(function, vec![left, right]).map(Some)
            }
            _ => {
                let engine = BinaryExpr::new(Box::new(left), operator, Box::new(right));
                Ok(Some(Expr::BinaryExpr(engine)))
            }
        }
    }

    fn call(&self, name: &str, args: Vec<Expr>) -> EngineResult<Expr> {
        match functions::function(name, &self.facts) {
            Some(function) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args))),
            None => internal_err!("no function {name}"),
        }
    }
}

/// The type that an integer's arithmetic is done in; none where a client knows it as a numeric.
fn signed(field: &FieldRef) -> Option<DataType> {
    Some(match field.data_type() {
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => DataType::Int16,
        DataType::UInt16 | DataType::Int32 => DataType::Int32,
        DataType::UInt64 if !matches!(pg_type_of(field), Some("bigint")) => return None,
        _ => DataType::Int64,
    })
}

fn is_constant(expr: &Expr) -> bool {
    expr.column_refs().is_empty() && !expr.any_column_refs()
}

fn width(integer: &DataType) -> Option<usize> {
    integer.primitive_width()
}

fn is_duration((left, right): (&FieldRef, &FieldRef)) -> bool {
    [left, right]
        .iter()
        .any(|field| matches!(field.data_type(), DataType::Duration(_)))
}

fn zoned(field: &FieldRef) -> bool {
    matches!(field.data_type(), DataType::Timestamp(_, Some(_)))
}

fn timestamp(date: Expr) -> Expr {
    Expr::Cast(Cast::new(
        Box::new(date),
        DataType::Timestamp(TimeUnit::Microsecond, None),
    ))
}

fn interval_of(literal: Expr) -> Expr {
    literal_as(literal, &Arc::new(types::field("", "interval", true)))
}

fn literal_as(literal: Expr, field: &FieldRef) -> Expr {
    match &literal {
        Expr::Literal(ScalarValue::Utf8(Some(_)), _) => {
            Expr::Cast(Cast::new_from_field(Box::new(literal), Arc::clone(field)))
        }
        _ => literal,
    }
}
