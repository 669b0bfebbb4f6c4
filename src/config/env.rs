//! Environment variables over what the file says: `RESTATE_PG__SECTION__KEY`, and `RESTATE_PG__SECTION__0__KEY` where a
//! section repeats.

use std::{collections::HashMap, ffi::OsString};

use super::{
    Faults, Place,
    raw::{Entry, Located, Raw, RawValue, from_text},
    setting::{ENV_PREFIX, SETTINGS, Section, Setting},
};

impl Raw {
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
