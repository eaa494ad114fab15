//! A program of the host, run with arguments and standard input alone.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs, thread};

/// Where programs of administrators are, whatever `PATH` says.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// An executable file, by its whole path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program(PathBuf);

/// What a program said.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// Its results.
    pub(crate) results: String,
    /// Its complaints; `None` where it ended well.
    pub(crate) complaint: Option<String>,
    /// The status that it ended with, if no signal ended it.
    pub(crate) status: Option<i32>,
}

impl Program {
    /// The first one of a name in the folders of `PATH`, then in those of administrators.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
        let mut files = folders.map(|folder| folder.join(name));
        // A folder that is given relatively would be another one elsewhere.
        files
            .find(|file| file.is_absolute() && is_executable(file))
            .map(Self)
    }

    /// Runs it to its end. It gets nothing of our environment but a plain locale.
    ///
    /// # Errors
    /// It does not start, or what it says is no text.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> io::Result<Said> {
        let mut command = Command::new(&self.0);
        command.args(arguments).env_clear().env("LC_ALL", "C");
        // `iptables` looks for `modprobe` and its own extensions by itself.
        command.env("PATH", FOLDERS.join(":")).current_dir("/");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let output = thread::scope(|scope| {
            // Apart, since it may say something before it read everything.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
            child.wait_with_output()
        })?;
        Said::of(output)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Said {
    fn of(output: Output) -> io::Result<Self> {
        let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "what it says is no text");
        let complaint = (!output.status.success()).then(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            match said.trim() {
                "" => output.status.to_string(),
                said => said.to_owned(),
            }
        });
        Ok(Self {
            results: String::from_utf8(output.stdout).map_err(no_text)?,
            complaint,
            status: output.status.code(),
        })
    }
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_whatever_its_length() {
        let cat = Program::find("cat").unwrap();
        let long = "0123456789\n".repeat(100_000);
        let said = cat.run(&[], &long).unwrap();
        assert_eq!(said.results, long);
        assert_eq!(said.complaint, None);
    }

    #[test]
    fn no_shell_reads_an_argument() {
        let echo = Program::find("echo").unwrap();
        let said = echo.run(&["$HOME; `id` > /dev/null"], "").unwrap();
        assert_eq!(said.results, "$HOME; `id` > /dev/null\n");
    }

    #[test]
    fn a_failure_is_told_in_the_program_s_words_or_by_its_status() {
        let cat = Program::find("cat").unwrap();
        let said = cat.run(&["/no/such/file"], "").unwrap();
        assert!(said.complaint.unwrap().contains("/no/such/file"));
        let fails = Program::find("false").unwrap();
        let said = fails.run(&[], "").unwrap();
        assert_eq!(said.complaint.unwrap(), "exit status: 1");
    }

    #[test]
    fn a_name_that_nothing_has_is_not_found() {
        assert_eq!(Program::find("no-such-program"), None);
        assert_eq!(Program::find(""), None);
    }
}
