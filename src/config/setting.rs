//! What a setting is: a row of the table, and a value with its origin.

use super::origin::Origin;

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Given<T> {
    /// What holds if nobody says anything.
    pub(super) fn default(value: T) -> Self {
        let origin = Origin::Default;
        Self { value, origin }
    }

    /// Whether anybody said something.
    pub(super) fn is_given(&self) -> bool {
        self.origin != Origin::Default
    }

    /// Takes a weaker source's value, if no stronger one gave any.
    pub(super) fn offer(&mut self, value: Option<T>, origin: &Origin) {
        if let Some(value) = value.filter(|_| !self.is_given()) {
            *self = Self {
                value,
                origin: origin.clone(),
            };
        }
    }
}

impl<T: Clone> Given<T> {
    /// The value, if the host itself says so.
    pub(super) fn local(&self) -> Option<T> {
        self.origin.is_local().then(|| self.value.clone())
    }
}

/// From where a setting is taken, beside the environment and the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// From nowhere else: without it the datastore cannot be read, or it is the host's own affair.
    Local,
    /// From the datastore too, where its name may be another one.
    Anywhere(Option<&'static str>),
    /// From the datastore too, as part of policy.
    Policy,
}

/// What becomes of a value that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The agent does not start.
    Fatal,
    /// The default holds, with a warning.
    Default,
}

/// What a change takes while the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    InPlace,
    /// A restart.
    Restart,
}

/// A row of the table of settings.
#[derive(Debug)]
pub struct Setting<C> {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub topic: &'static str,
    /// What may be written.
    pub allowed: &'static str,
    /// From where it is taken.
    pub reach: Reach,
    /// What becomes of a value that is none.
    pub fault: Fault,
    /// What a change takes.
    pub change: Change,
    /// What it says, in one line.
    pub line: &'static str,
    /// Its value as text; never a secret.
    pub text: fn(&C) -> String,
    /// Where its value came from.
    pub origin: fn(&C) -> &Origin,
    /// Whether two configurations agree.
    pub(super) same: fn(&C, &C) -> bool,
    /// Takes a text; without one, that the default holds. False, if the text is no value.
    pub(super) take: fn(&mut C, Option<&str>, Origin) -> bool,
    /// Takes the word `none`. False, if that is no value.
    pub(super) take_none: fn(&mut C, Origin) -> bool,
}

/// The table: a struct with a field for each setting, and the rows that say how it is read and shown.
macro_rules! settings {
    ($(
        $topic:literal {$(
            $name:ident $field:ident: $kind:ty = $default:expr,
            $reach:expr, $fault:ident, $change:ident: $line:literal;
        )+}
    )+) => {
        /// Every setting of the agent, with where its value came from.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Config {$($(
            #[doc = $line]
            pub $field: Given<$kind>,
        )+)+}

        impl Default for Config {
            fn default() -> Self {
                Self {$($(
                    $field: Given::default($default),
                )+)+}
            }
        }

        /// Every setting, in the order in which they are shown.
        pub static SETTINGS: &[Setting<Config>] = &[$($(
            Setting {
                name: stringify!($name),
                topic: $topic,
                allowed: <$kind as Kind>::ALLOWED,
                reach: $reach,
                fault: Fault::$fault,
                change: Change::$change,
                line: $line,
                text: |config| config.$field.value.text(),
                origin: |config| &config.$field.origin,
                same: |one, other| one.$field.value == other.$field.value,
                take: |config, text, origin| {
                    let value = match text {
                        Some(text) => <$kind as Kind>::read(text),
                        None => Some($default),
                    };
                    let is_value = value.is_some();
                    config.$field.offer(value, &origin);
                    is_value
                },
                take_none: |config, origin| {
                    let value = <$kind as Kind>::none();
                    let is_value = value.is_some();
                    config.$field.offer(value, &origin);
                    is_value
                },
            },
        )+)+];
    };
}

pub(super) use settings;
