//! The file and the environment, merged into located texts. Knows which settings there are; what their values mean is
//! judged by `build`.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    ops::Range,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Faults, Place,
    setting::{ENV_PREFIX, Kind, Need, SETTINGS, Section, Setting},
};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
enum RawValue {
    Text(String),
    List(Vec<Located<String>>),
    /// Of a wrong type: a fault already, so not also missing.
    Wrong,
}

/// One `[section]` or `[[section]]`.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its header, or the first variable that speaks of it.
    pub(super) place: Place,
    values: HashMap<&'static str, Located<RawValue>>,
}

/// Everything that was said, by section and in order.
#[derive(Debug, Default)]
pub(super) struct Raw {
    sections: BTreeMap<Section, Vec<Entry>>,
}

impl Raw {
    pub(super) fn entries(&self, section: Section) -> &[Entry] {
        self.sections.get(&section).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a section stands there at all, right or wrong.
    pub(super) fn mentions(&self, section: Section) -> bool {
        self.sections.contains_key(&section)
    }

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

    /// Lays the environment over the file. Variables without the prefix are not ours.
    pub(super) fn override_with(&mut self, env: impl Iterator<Item = (OsString, OsString)>, faults: &mut Faults) {
        let mut variables: Vec<(String, OsString)> = Vec::new();
        for (name, value) in env {
            match name.to_str().and_then(|name| name.strip_prefix(ENV_PREFIX)) {
                Some(rest) => variables.push((rest.to_owned(), value)),
                None => continue,
            }
        }
        // `CLUSTER__2__…` before `CLUSTER__10__…`: entries are added in order.
        variables.sort_by_key(|(name, _)| {
            (
                name.split("__").nth(1).and_then(|part| part.parse::<u32>().ok()),
                name.clone(),
            )
        });
        for (name, value) in variables {
            let place = Place::Variable(format!("{ENV_PREFIX}{name}"));
            if let Err(fault) = self.override_one(&name, value, &place) {
                faults.add(place, fault);
            }
        }
    }

    fn override_one(&mut self, name: &str, value: OsString, place: &Place) -> Result<(), String> {
        let unknown = || "no setting has this variable".to_string();
        let value = value.into_string().map_err(|_| "the value is not UTF-8")?;
        let (section, rest) = name.split_once("__").ok_or_else(unknown)?;
        let section = Section::ALL
            .into_iter()
            .find(|known| known.name().to_ascii_uppercase() == section);
        let section = section.ok_or_else(unknown)?;
        let (which, key) = match (section.repeats(), rest.rsplit_once("__")) {
            (true, Some((which, key))) => (Some(which), key),
            (false, None) => (None, rest),
            _ => return Err(unknown()),
        };
        let known = |setting: &&Setting| setting.section == section && setting.key.to_ascii_uppercase() == key;
        let setting = SETTINGS.iter().find(known).ok_or_else(unknown)?;
        let value = from_text(setting.kind, &value, place);

        let entries = self.sections.entry(section).or_default();
        let index = match which {
            None => 0,
            Some(which) => index_of(entries, section, which)?,
        };
        if index == entries.len() {
            entries.push(Entry {
                place: place.clone(),
                values: HashMap::new(),
            });
        }
        let entry = entries.get_mut(index).ok_or_else(unknown)?;
        entry.values.insert(
            setting.key,
            Located {
                value,
                place: place.clone(),
            },
        );
        Ok(())
    }
}

/// Which entry a variable means: by its index, one behind the last makes a new one; or a cluster by its name.
fn index_of(entries: &[Entry], section: Section, which: &str) -> Result<usize, String> {
    if let Ok(index) = which.parse::<usize>() {
        return if index <= entries.len() {
            Ok(index)
        } else {
            Err(format!("there are only {} of {}", entries.len(), section.header()))
        };
    }
    let named = |entry: &Entry| match entry.values.get("name").map(|name| &name.value) {
        Some(RawValue::Text(name)) => name.to_ascii_uppercase().replace('-', "_") == which,
        _ => false,
    };
    let mut found = (0..).zip(entries).filter(|(_, entry)| named(entry));
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Ok(index),
        (Some(_), Some(_)) => Err("more than one section has this name, give its index".into()),
        (None, _) => Err(format!("no {} has this name", section.header())),
    }
}

fn from_text(kind: Kind, text: &str, place: &Place) -> RawValue {
    match kind {
        Kind::Text => RawValue::Text(text.to_owned()),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            RawValue::List(
                items
                    .map(|item| Located {
                        value: item.to_owned(),
                        place: place.clone(),
                    })
                    .collect(),
            )
        }
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

    fn unknown<'k>(
        &mut self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        what: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
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
        };
        let place = self.place(value.span());
        self.faults.add(place, format!("`{}` must be {wanted}", setting.key));
        RawValue::Wrong
    }
}

impl Entry {
    /// The text of a setting, or its default. None where there is none; a fault where there must be one.
    pub(super) fn text(&self, setting: &Setting, faults: &mut Faults) -> Option<Located<String>> {
        match self.get(setting, faults)? {
            Located {
                value: RawValue::Text(value),
                place,
            } if value.is_empty() => {
                faults.add(place, format!("`{}` is empty", setting.key));
                None
            }
            Located {
                value: RawValue::Text(value),
                place,
            } => Some(Located { value, place }),
            _ => None,
        }
    }

    /// The list of a setting: never an empty one.
    pub(super) fn list(&self, setting: &Setting, faults: &mut Faults) -> Option<Vec<Located<String>>> {
        match self.get(setting, faults)? {
            Located {
                value: RawValue::List(items),
                place,
            } if items.is_empty() => {
                faults.add(place, format!("`{}` is empty", setting.key));
                None
            }
            Located {
                value: RawValue::List(items),
                ..
            } => Some(items),
            _ => None,
        }
    }

    /// Whether anything was said about a setting, right or wrong.
    pub(super) fn has(&self, setting: &Setting) -> bool {
        self.values.contains_key(setting.key)
    }

    fn get(&self, setting: &Setting, faults: &mut Faults) -> Option<Located<RawValue>> {
        if let Some(value) = self.values.get(setting.key) {
            return Some(value.clone());
        }
        match setting.need {
            Need::Optional => None,
            Need::Default(text) => Some(Located {
                value: from_text(setting.kind, text, &self.place),
                place: self.place.clone(),
            }),
            Need::Required => {
                faults.add(
                    self.place.clone(),
                    format!("{} lacks `{}`", setting.section.header(), setting.key),
                );
                None
            }
        }
    }
}
