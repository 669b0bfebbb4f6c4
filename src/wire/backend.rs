//! Backend messages into an output buffer, by `pgwire`'s own encoders.

use bytes::BytesMut;
use pgwire::messages::{
    Message,
    response::{ErrorResponse, NoticeResponse},
};

use crate::Error;

/// The longest text of an error field: what an upstream says is bounded before it is passed on.
const ERROR_FIELD_SIZE_MAX: usize = 16 * 1024;

/// Appends `message` to `out`, whole or not at all. Only a text beyond `pgwire`'s own bounds cannot be encoded, and every
/// text that is sent is bounded before; should one slip through, the log says so and the stream stays in step.
pub fn put(out: &mut BytesMut, message: &impl Message) {
    let start = out.len();
    if let Err(error) = message.encode(out) {
        out.truncate(start);
        tracing::error!(%error, "a backend message could not be encoded");
    }
}

/// Appends `error` as an ErrorResponse: severity, SQLSTATE, message and what else it has. What only the log may say
/// stays out.
pub fn put_error(out: &mut BytesMut, error: &Error) {
    let mut fields = head(error.severity().as_str(), error.code().code(), error.message());
    let optional = [
        (b'D', error.detail().map(str::to_owned)),
        (b'H', error.hint().map(str::to_owned)),
        (b'P', error.position().map(|position| position.to_string())),
    ];
    fields.extend(
        optional
            .into_iter()
            .filter_map(|(code, value)| Some((code, text(&value?)))),
    );
    put(out, &ErrorResponse::new(fields));
}

/// Appends a NoticeResponse of severity WARNING.
pub fn put_warning(out: &mut BytesMut, code: &str, message: &str) {
    put(out, &NoticeResponse::new(head("WARNING", code, message)));
}

fn head(severity: &str, code: &str, message: &str) -> Vec<(u8, String)> {
    vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', code.to_owned()),
        (b'M', text(message)),
    ]
}

/// A field's text: bounded, and without the NUL that would end it early.
fn text(value: &str) -> String {
    let end = value.floor_char_boundary(ERROR_FIELD_SIZE_MAX);
    value.get(..end).unwrap_or(value).replace('\0', "\u{2400}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlState;

    #[test]
    fn an_error_is_one_well_formed_message_whatever_its_text() {
        let error = Error::new(SqlState::SYNTAX_ERROR, "a\0b".to_owned() + &"ü".repeat(40_000))
            .with_hint("hint")
            .with_position(7)
            .with_log("secret");
        let mut out = BytesMut::new();
        put_error(&mut out, &error);
        assert_eq!(out[0], b'E');
        let length = u32::from_be_bytes(out[1..5].try_into().unwrap());
        assert_eq!(length as usize, out.len() - 1);
        let body = String::from_utf8(out[5..].to_vec()).unwrap();
        let fields: Vec<&str> = body.split('\0').collect();
        assert_eq!(&fields[..3], ["SERROR", "VERROR", "C42601"]);
        assert!(fields[3].starts_with("Ma\u{2400}b") && fields[3].len() <= ERROR_FIELD_SIZE_MAX + 4);
        assert_eq!(&fields[4..], ["Hhint", "P7", "", ""]);
    }
}
