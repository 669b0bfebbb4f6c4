//! Numbers: `arithmetic` and its [`checked`] operators, `rounding` and the `facts` of one number. A numeric is its digits and their scale; what is done
//! with those alone is in `value`.

mod arithmetic;
pub mod checked;
mod facts;
pub mod floats;
mod rounding;

use arrow::datatypes::{DataType, i256};

use super::typed::Typed;

pub const FUNCTIONS: [&[Typed]; 3] = [arithmetic::FUNCTIONS, facts::FUNCTIONS, rounding::FUNCTIONS];

type Number = (i256, i8);

fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer() || is_decimal(data_type)
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
}
