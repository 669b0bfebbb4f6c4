//! Operators that depend on the types of what they stand between and that PostgreSQL defines otherwise than the engine:
//! division of numerics, arithmetic of small integers, intervals and dates, JSON, arrays, text beside other types.

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
        let swap = |expr: RawBinaryExpr| vec![expr.right, expr.left];
        let both = |expr: RawBinaryExpr| vec![expr.left, expr.right];
        let planned = |name: &str, args: Vec<Expr>| self.call(name, args).map(PlannerResult::Planned);
        let function = match (&expr.op, kinds) {
            (Op::Divide, (Decimal, Decimal | Integer) | (Integer, Decimal)) => "pg_divide",
            (Op::Plus, (Integer, Integer)) if checked(&expr, fields) => "pg_add",
            (Op::Minus, (Integer, Integer)) if checked(&expr, fields) => "pg_subtract",
            (Op::Multiply, (Integer, Integer)) if checked(&expr, fields) => "pg_multiply",
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

    fn call(&self, name: &str, args: Vec<Expr>) -> EngineResult<Expr> {
        match functions::function(name, &self.facts) {
            Some(function) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args))),
            None => internal_err!("no function {name}"),
        }
    }
}

/// Whether an operation of integers may pass what its type holds: one of small integers, or of constants. Columns of 64 bits
/// are left to the engine, which wraps beyond 2⁶³: what a runtime computes is what is computed here.
fn checked(expr: &RawBinaryExpr, (left, right): (&FieldRef, &FieldRef)) -> bool {
    let small = |field: &FieldRef| matches!(field.data_type(), DataType::Int16 | DataType::Int32);
    let constant = |expr: &Expr| expr.column_refs().is_empty() && !expr.any_column_refs();
    small(left) && small(right) || constant(&expr.left) && constant(&expr.right)
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
