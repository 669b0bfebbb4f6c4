//! What was said, in the file and in the environment: located texts, by section and setting. `read` fills it from the file,
//! `env` lays the environment over it; what the values mean is judged by `build`.

use std::collections::{BTreeMap, HashMap};

use super::{
    Faults, Place,
    setting::{Kind, Need, Section, Setting},
};

/// A value and where it stands. Flags and numbers are texts here too, as variables have them.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum RawValue {
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
    pub(super) values: HashMap<&'static str, Located<RawValue>>,
}

/// Everything that was said, by section and in order.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) sections: BTreeMap<Section, Vec<Entry>>,
}

impl Raw {
    pub(super) fn entries(&self, section: Section) -> &[Entry] {
        self.sections.get(&section).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a section stands there at all, right or wrong.
    pub(super) fn mentions(&self, section: Section) -> bool {
        self.sections.contains_key(&section)
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

/// A value as text, as variables and defaults have it.
pub(super) fn from_text(kind: Kind, text: &str, place: &Place) -> RawValue {
    match kind {
        Kind::Text | Kind::Flag | Kind::Number => RawValue::Text(text.to_owned()),
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
