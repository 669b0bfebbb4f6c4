//! The file's text → what was said, with lines. Reports what is not TOML, unknown keys and values of the wrong type.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Faults, Place,
    raw::{Entry, Located, Raw, RawValue},
    setting::{Kind, SETTINGS, Section, Setting},
};

impl Raw {
    /// Reads the file's text. What cannot be read is a fault and left out.
    pub(super) fn parse(text: &str, faults: &mut Faults) -> Raw {
        let mut reader = Reader { text, faults };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let place = reader.place(error.span().unwrap_or_default());
            reader.faults.add(place, error.message());
        }
        let mut raw = Raw::default();
        for (key, value) in document.get_ref() {
            let Some(section) = Section::ALL.into_iter().find(|section| section.name() == key.get_ref()) else {
                reader.unknown(key, "section", Section::ALL.map(Section::name));
                continue;
            };
            let entries: Option<Vec<Entry>> = match (value.get_ref(), section.repeats()) {
                (DeValue::Table(table), false) => Some(vec![reader.entry(section, table, value.span())]),
                (DeValue::Array(items), true) if !items.is_empty() => {
                    let tables = items
                        .iter()
                        .map(|item| item.get_ref().as_table().map(|table| (table, item.span())));
                    let tables: Option<Vec<_>> = tables.collect();
                    let entry = |(table, span)| reader.entry(section, table, span);
                    tables.map(|tables| tables.into_iter().map(entry).collect())
                }
                _ => None,
            };
            let entries = entries.unwrap_or_else(|| {
                let place = reader.place(key.span());
                reader.faults.add(place, format!("write {} here", section.header()));
                Vec::new()
            });
            raw.sections.insert(section, entries);
        }
        raw
    }
}

struct Reader<'a> {
    text: &'a str,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        Place::Line(1 + memchr::memchr_iter(b'\n', before).count())
    }

    fn unknown<'k>(&mut self, key: &Spanned<Cow<'_, str>>, what: &str, known: impl IntoIterator<Item = &'k str>) {
        let known: Vec<&str> = known.into_iter().collect();
        let place = self.place(key.span());
        self.faults.add(
            place,
            format!("unknown {what} `{}`, not one of {}", key.get_ref(), known.join(", ")),
        );
    }

    fn entry(&mut self, section: Section, table: &DeTable<'_>, span: Range<usize>) -> Entry {
        let mut entry = Entry {
            place: self.place(span),
            values: HashMap::new(),
        };
        for (key, value) in table {
            let of_section = || SETTINGS.iter().filter(|setting| setting.section == section);
            let Some(setting) = of_section().find(|setting| setting.key == key.get_ref()) else {
                self.unknown(
                    key,
                    &format!("key in {}", section.header()),
                    of_section().map(|setting| setting.key),
                );
                continue;
            };
            let place = self.place(value.span());
            let value = self.value(setting, value);
            entry.values.insert(setting.key, Located { value, place });
        }
        entry
    }

    fn value(&mut self, setting: &Setting, value: &Spanned<DeValue<'_>>) -> RawValue {
        match (setting.kind, value.get_ref()) {
            (Kind::Text, DeValue::String(text)) => return RawValue::Text(text.to_string()),
            (Kind::Flag, DeValue::Boolean(flag)) => return RawValue::Text(flag.to_string()),
            (Kind::Number, DeValue::Integer(number)) if number.radix() == 10 => {
                return RawValue::Text(number.as_str().to_owned());
            }
            (Kind::List, DeValue::Array(items)) => {
                let text = |item: &Spanned<DeValue<'_>>| {
                    let value = item.get_ref().as_str()?.to_owned();
                    Some(Located {
                        value,
                        place: self.place(item.span()),
                    })
                };
                if let Some(items) = items.iter().map(text).collect() {
                    return RawValue::List(items);
                }
            }
            _ => {}
        }
        let wanted = match setting.kind {
            Kind::Text => "a string",
            Kind::List => "a list of strings",
            Kind::Flag => "true or false",
            Kind::Number => "a whole number",
        };
        let place = self.place(value.span());
        self.faults.add(place, format!("`{}` must be {wanted}", setting.key));
        RawValue::Wrong
    }
}
