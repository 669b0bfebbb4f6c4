//! Bind parameters: any bytes as any type in either format end in a value or an error.

use postgres_types::Type;
use restate_pg::wire::{encode::Format, params::decode_parameter};

pub fn run(data: &[u8]) {
    let Some(([which, format], bytes)) = data.split_first_chunk() else {
        return;
    };
    let types = [
        Type::BOOL,
        Type::BYTEA,
        Type::CHAR,
        Type::NAME,
        Type::INT8,
        Type::INT2,
        Type::INT4,
        Type::REGPROC,
        Type::TEXT,
        Type::OID,
        Type::JSON,
        Type::JSONB,
        Type::FLOAT4,
        Type::FLOAT8,
        Type::VARCHAR,
        Type::BPCHAR,
        Type::DATE,
        Type::TIME,
        Type::TIMESTAMP,
        Type::TIMESTAMPTZ,
        Type::INTERVAL,
        Type::NUMERIC,
        Type::UUID,
        Type::REGCLASS,
        Type::INT2_VECTOR,
        Type::INT4_ARRAY,
        Type::TEXT_ARRAY,
        Type::NUMERIC_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::INTERVAL_ARRAY,
        Type::UUID_ARRAY,
        Type::POINT,
    ];
    let ty = &types[usize::from(*which) % types.len()];
    let format = if format & 1 == 0 { Format::Text } else { Format::Binary };
    let _ = decode_parameter(ty, format, Some(bytes));
}
