//! Names of character encodings, as clients give them.

/// PostgreSQL's encodings, each with its other names, as [`encoding_name`] compares them.
const ENCODINGS: &[(&str, &[&str])] = &[
    ("UTF8", &["unicode"]),
    ("SQL_ASCII", &[]),
    ("BIG5", &["win950", "windows950"]),
    ("EUC_CN", &[]),
    ("EUC_JIS_2004", &[]),
    ("EUC_JP", &[]),
    ("EUC_KR", &[]),
    ("EUC_TW", &[]),
    ("GB18030", &[]),
    ("GBK", &["win936", "windows936"]),
    ("ISO_8859_5", &[]),
    ("ISO_8859_6", &[]),
    ("ISO_8859_7", &[]),
    ("ISO_8859_8", &[]),
    ("JOHAB", &[]),
    ("KOI8R", &["koi8"]),
    ("KOI8U", &[]),
    ("LATIN1", &["iso88591"]),
    ("LATIN2", &["iso88592"]),
    ("LATIN3", &["iso88593"]),
    ("LATIN4", &["iso88594"]),
    ("LATIN5", &["iso88599"]),
    ("LATIN6", &["iso885910"]),
    ("LATIN7", &["iso885913"]),
    ("LATIN8", &["iso885914"]),
    ("LATIN9", &["iso885915"]),
    ("LATIN10", &["iso885916"]),
    ("MULE_INTERNAL", &[]),
    ("SHIFT_JIS_2004", &[]),
    ("SJIS", &["shiftjis", "mskanji", "win932", "windows932"]),
    ("UHC", &["win949", "windows949"]),
    ("WIN866", &["alt", "windows866"]),
    ("WIN874", &["windows874"]),
    ("WIN1250", &["windows1250"]),
    ("WIN1251", &["win", "windows1251"]),
    ("WIN1252", &["windows1252"]),
    ("WIN1253", &["windows1253"]),
    ("WIN1254", &["windows1254"]),
    ("WIN1255", &["windows1255"]),
    ("WIN1256", &["windows1256"]),
    ("WIN1257", &["windows1257"]),
    ("WIN1258", &["abc", "tcvn", "tcvn5712", "vscii", "windows1258"]),
];

/// PostgreSQL's own name of an encoding; case and punctuation do not count. Only `UTF8` is spoken here.
pub fn encoding_name(name: &str) -> Option<&'static str> {
    let clean = |name: &str| {
        name.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect::<String>()
    };
    let wanted = clean(name);
    ENCODINGS
        .iter()
        .find(|(own, others)| clean(own) == wanted || others.contains(&wanted.as_str()))
        .map(|(own, _)| *own)
}
