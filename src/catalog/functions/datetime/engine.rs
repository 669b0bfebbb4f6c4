//! Calls said in the engine's own functions, which are faster and may be sent to the runtime: only where those answer as
//! PostgreSQL's do, which zones and the kinds of arguments decide.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::{
    common::ScalarValue,
    error::Result as EngineResult,
    functions::datetime,
    logical_expr::{Cast, Expr, lit, simplify::SimplifyContext},
};

use super::fields::unit;
use crate::{catalog::functions::typed, wire::encode::Zone};

/// Whether the engine reads an argument's clock as PostgreSQL does: it has no zone, or the session's is UTC.
fn same_clock(argument: &Expr, info: &SimplifyContext) -> EngineResult<bool> {
    Ok(match info.get_data_type(argument)? {
        DataType::Timestamp(_, Some(_)) => typed::zone_of(info.config_options()) == Zone::UTC,
        DataType::Timestamp(_, None) | DataType::Date32 => true,
        _ => false,
    })
}

fn constant(argument: Option<&Expr>) -> Option<&str> {
    match argument {
        Some(Expr::Literal(value, _)) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// Whole fields are the engine's, too.
fn whole_field(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let [_, argument] = args else { return Ok(None) };
    let field = constant(args.first()).and_then(unit);
    let is_date = info.get_data_type(argument)? == DataType::Date32;
    let Some(field) = field.filter(|field| match *field {
        "year" | "quarter" | "month" | "week" | "day" | "doy" | "dow" => true,
        "hour" | "minute" => !is_date,
        _ => false,
    }) else {
        return Ok(None);
    };
    if !same_clock(argument, info)? {
        return Ok(None);
    }
    Ok(Some(datetime::date_part().call(vec![lit(field), argument.clone()])))
}

pub(super) fn extract(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let cast = |part| Expr::Cast(Cast::new(Box::new(part), DataType::Decimal128(38, 0)));
    Ok(whole_field(args, info)?.map(cast))
}

pub(super) fn date_part(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let cast = |part| Expr::Cast(Cast::new(Box::new(part), DataType::Float64));
    Ok(whole_field(args, info)?.map(cast))
}

pub(super) fn date_trunc(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let [_, argument] = args else { return Ok(None) };
    let field = constant(args.first()).and_then(unit);
    let Some(field) = field.filter(|field| {
        matches!(
            *field,
            "second" | "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year"
        )
    }) else {
        return Ok(None);
    };
    if !matches!(info.get_data_type(argument)?, DataType::Timestamp(..)) || !same_clock(argument, info)? {
        return Ok(None);
    }
    Ok(Some(datetime::date_trunc().call(vec![lit(field), argument.clone()])))
}

pub(super) fn date_bin(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let [stride, source, origin] = args else {
        return Ok(None);
    };
    let (source_type, origin_type) = (info.get_data_type(source)?, info.get_data_type(origin)?);
    if let Some(counted) = counted(stride, source, origin, info)? {
        return Ok(Some(counted));
    }
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let same = source_type == origin_type && matches!(source_type, DataType::Timestamp(TimeUnit::Nanosecond, _));
    if !same || info.get_data_type(stride)? != interval {
        return Ok(None);
    }
    Ok(Some(datetime::date_bin().call(args.to_vec())))
}

/// A bin of constant width as arithmetic of whole numbers, in the unit that the times are kept in: the engine's own function knows
/// nanoseconds alone, in which not all times fit.
fn counted(stride: &Expr, source: &Expr, origin: &Expr, info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let DataType::Timestamp(unit @ (TimeUnit::Millisecond | TimeUnit::Microsecond), zone) =
        info.get_data_type(source)?
    else {
        return Ok(None);
    };
    let (Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(stride)), _), Expr::Literal(origin_value, _)) =
        (stride, origin)
    else {
        return Ok(None);
    };
    if !same_clock(source, info)? || !same_clock(origin, info)? {
        return Ok(None);
    }
    let unit_ns: i64 = match unit {
        TimeUnit::Millisecond => 1_000_000,
        _ => 1_000,
    };
    let stride_ns = i64::from(stride.days)
        .checked_mul(86_400_000_000_000)
        .and_then(|days| days.checked_add(stride.nanoseconds));
    let kept = DataType::Timestamp(unit, None);
    let start = origin_value.cast_to(&kept)?;
    let is_whole = start.cast_to(&origin_value.data_type())? == *origin_value;
    let (Some(stride_ns), ScalarValue::Int64(Some(start))) = (stride_ns, start.cast_to(&DataType::Int64)?) else {
        return Ok(None);
    };
    if stride.months != 0 || stride_ns <= 0 || stride_ns % unit_ns != 0 || !is_whole {
        return Ok(None);
    }
    let cast = |value: Expr, to: DataType| Expr::Cast(Cast::new(Box::new(value), to));
    let (number, width) = (cast(source.clone(), DataType::Int64), lit(stride_ns / unit_ns));
    // What is left of a negative number is negative.
    let rest = ((number.clone() - lit(start)) % width.clone() + width.clone()) % width;
    Ok(Some(cast(number - rest, DataType::Timestamp(unit, zone))))
}
