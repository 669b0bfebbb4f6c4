//! Texts of times by a template that says less than the time: `to_char(created_at, 'YYYY-MM-DD')` of the day that it is in is the
//! same text, and the runtime can group by that day.

use datafusion::{
    common::ScalarValue,
    error::Result,
    logical_expr::{Expr, ExprSchemable, expr::ScalarFunction, lit},
};

use super::{
    super::{Router, meaning::is_timestamp},
    Whole,
};
use crate::catalog::functions::finest_unit;

impl Router<'_> {
    /// The same of the time's beginning, where `part` is such a text of a column.
    pub(super) fn bucketed(&self, whole: &Whole, part: &Expr) -> Result<Option<Expr>> {
        let Expr::ScalarFunction(ScalarFunction { func, args }) = part else {
            return Ok(None);
        };
        let [time @ Expr::Column(_), Expr::Literal(template, _)] = args.as_slice() else {
            return Ok(None);
        };
        let (Some(date_trunc), "to_char") = (self.meaning.date_trunc(), func.name()) else {
            return Ok(None);
        };
        // In another zone than UTC a day begins when the zone's rules say so.
        let is_told_of = is_timestamp(&time.get_type(whole.input.schema())?) && self.is_utc;
        let template = match template {
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
                text
            }
            _ => return Ok(None),
        };
        Ok(finest_unit(template).filter(|_| is_told_of).map(|unit| {
            let begun = date_trunc.call(vec![lit(unit), time.clone()]);
            func.call(vec![begun, args[1].clone()])
        }))
    }
}
