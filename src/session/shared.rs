//! A session's settings, shared with the functions that read and set them from SQL (`current_setting`, `set_config`).

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::{
    interrupt::Interrupt,
    settings::{Heeded, Settings},
};
use crate::{
    Result,
    catalog::facts::{Sessions, SettingsView},
    query::statement::{Modes, Value},
};

/// One session's settings, what may end the statement that it runs, and the sessions beside it. Every clone is the same.
#[derive(Clone, Debug)]
pub struct SharedSettings(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Mutex<Settings>,
    interrupt: Mutex<Option<Interrupt>>,
    sessions: OnceLock<Arc<dyn Sessions>>,
}

impl SharedSettings {
    /// Settings as the startup message asks for them; an error is fatal.
    pub fn new(startup: &[(String, String)], user: &str) -> Result<Self> {
        Ok(SharedSettings(Arc::new(Shared {
            settings: Mutex::new(Settings::new(startup, user)?),
            interrupt: Mutex::default(),
            sessions: OnceLock::new(),
        })))
    }

    /// The settings. Not held across anything that waits or calls SQL.
    pub fn lock(&self) -> MutexGuard<'_, Settings> {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What may end the statement that runs from here on.
    pub fn set_interrupt(&self, interrupt: Option<Interrupt>) {
        *self.0.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = interrupt;
    }

    /// The sessions that this one may see and end; said once.
    pub fn set_sessions(&self, sessions: Arc<dyn Sessions>) {
        let _ = self.0.sessions.set(sessions);
    }

    pub fn set(&self, name: &str, value: &Value, local: bool) -> Result<()> {
        self.lock().set(name, value, local)
    }

    pub fn begin(&self, modes: &Modes) {
        let mut settings = self.lock();
        settings.begin();
        settings.set_modes(modes);
    }

    /// What every statement heeds, as the settings are now.
    pub fn heeded(&self) -> Arc<Heeded> {
        self.lock().heeded()
    }
}

impl SettingsView for SharedSettings {
    fn get(&self, name: &str) -> Result<String> {
        self.lock().get(name)
    }

    fn set(&self, name: &str, value: &str, local: bool) -> Result<String> {
        let mut settings = self.lock();
        settings.set_text(name, value, local)?;
        settings.get(name)
    }

    fn all(&self) -> Vec<(String, String, String)> {
        let settings = self.lock();
        Settings::listed()
            .map(|parameter| {
                let setting = settings.setting(parameter).to_owned();
                (parameter.name.to_owned(), setting, parameter.short_desc.to_owned())
            })
            .collect()
    }

    fn check_interrupts(&self) -> Result<()> {
        let interrupt = self.0.interrupt.lock().unwrap_or_else(PoisonError::into_inner);
        interrupt.as_ref().map_or(Ok(()), Interrupt::check)
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        self.0.sessions.get().map(Arc::as_ref)
    }
}
