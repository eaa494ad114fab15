//! What the process is given: its environment, its file, its host.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::file;
use super::resolve::{ConfigError, Resolved};
use super::table::Config;

/// What a configuration is made of.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The variables of the environment.
    pub environment: Vec<(String, String)>,
    /// The path of the file, and its text, if there is one.
    pub file: Option<(String, String)>,
    /// What the kernel calls this host.
    pub host: String,
}

impl Surroundings {
    /// Those of this process. A file that is not there is none.
    ///
    /// # Errors
    /// The file is there and cannot be read, or is not UTF-8.
    pub fn of_process(path: Option<&Path>) -> io::Result<Self> {
        let path = path.unwrap_or(Path::new(file::PATH));
        let file = match fs::read_to_string(path) {
            Ok(text) => Some((path.display().to_string(), text)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = env::vars_os().map(|(name, value)| (text(name), text(value)));
        let kernel = rustix::system::uname();
        Ok(Self {
            environment: variables.collect(),
            file,
            host: kernel.nodename().to_string_lossy().into_owned(),
        })
    }

    /// The configuration that they make.
    ///
    /// # Errors
    /// As of [`Config::resolve`].
    pub fn resolve(self) -> Result<Resolved, ConfigError> {
        let file = self.file.as_ref();
        let file = file.map(|(path, text)| (path.as_str(), text.as_str()));
        Config::resolve(self.environment, file, &self.host)
    }
}
