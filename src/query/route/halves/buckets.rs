//! Texts of times by a template that says less than the time: `to_char(created_at, 'YYYY-MM-DD')` of the day that it is in is the
//! same text, and the runtime can group by that day.

use datafusion::{
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
        let ("to_char", [time @ Expr::Column(_), template @ Expr::Literal(text, _)]) = (func.name(), args.as_slice())
        else {
            return Ok(None);
        };
        // In another zone than UTC a day begins when the zone's rules say so.
        if !self.is_utc || !is_timestamp(&time.get_type(whole.input.schema())?) {
            return Ok(None);
        }
        let unit = text.try_as_str().flatten().and_then(finest_unit);
        Ok(unit.zip(self.meaning.date_trunc()).map(|(unit, date_trunc)| {
            let begun = date_trunc.call(vec![lit(unit), time.clone()]);
            func.call(vec![begun, template.clone()])
        }))
    }
}
