//! Where the agent's log goes, and how its lines look.
//!
//! Results belong to standard output, so the log goes to standard error or to the journal, and to a
//! file as well if one is named. A line that a slow reader has no room for is dropped and counted:
//! the agent does not wait for whoever reads its log.

use std::fmt::{self, Write};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Event, Subscriber, dispatcher, error};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, WorkerGuard};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::UtcTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;

use crate::config::{Config, Format, Level};

/// What the journal calls us.
const IDENTIFIER: &str = "margay";

/// A log in use. Dropping it writes what is left.
#[derive(Debug, Default)]
pub struct Logging {
    guards: Vec<WorkerGuard>,
    dropped: Dropped,
    faults: Vec<String>,
    main: Option<Threshold>,
    file: Option<Threshold>,
}

/// The least level that a sink takes, to be changed while it is in use.
type Threshold = reload::Handle<LevelFilter, Registry>;

/// Counts the lines that a log dropped.
#[derive(Debug, Clone, Default)]
pub struct Dropped(Vec<ErrorCounter>);

impl Dropped {
    /// How many so far.
    pub fn count(&self) -> u64 {
        let lines = self.0.iter().map(ErrorCounter::dropped_lines);
        lines.map(|lines| lines as u64).sum()
    }
}

type Sink = Box<dyn Layer<Registry> + Send + Sync>;

impl Logging {
    /// Logs as a configuration says, from now on and for the whole process. What cannot be had is
    /// logged as an error, and the rest is used. The first log of a process is the only one.
    pub fn start(config: &Config) -> Self {
        let (dispatch, logging) = Self::prepare(config);
        if dispatcher::set_global_default(dispatch).is_ok() {
            logging.faults.iter().for_each(|fault| error!("{fault}"));
        }
        logging
    }

    /// The same for whoever wants to log to it alone.
    pub fn prepare(config: &Config) -> (Dispatch, Self) {
        let mut logging = Self::default();
        let mut sinks = vec![logging.main(config)];
        sinks.extend(logging.file(config));
        let dispatch = Dispatch::new(Registry::default().with(sinks));
        (dispatch, logging)
    }

    /// Takes the levels of a configuration from now on.
    pub fn filter(&self, config: &Config) {
        let of_main = match config.log_format.value {
            Format::Journald => config.log_system.value,
            Format::Felix | Format::Json | Format::Pretty => config.log_screen.value,
        };
        let of_file = config.log_file_level.value;
        for (sink, level) in [(&self.main, of_main), (&self.file, of_file)] {
            // A sink that is gone takes no level, and nothing is written to it.
            let _taken = sink.as_ref().map(|sink| sink.reload(filter(level)));
        }
    }

    /// Who counts the lines that are dropped, because they come faster than they can be written.
    pub fn dropped(&self) -> Dropped {
        self.dropped.clone()
    }

    /// What could not be had.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// The journal or standard error.
    fn main(&mut self, config: &Config) -> Sink {
        let format = config.log_format.value;
        if format == Format::Journald {
            match tracing_journald::layer() {
                Ok(journal) => {
                    let journal = journal.with_syslog_identifier(IDENTIFIER.to_owned());
                    let (level, threshold) = threshold(config.log_system.value);
                    self.main = Some(threshold);
                    return journal.with_filter(level).boxed();
                }
                Err(error) => self.faults.push(format!(
                    "cannot reach the journal, so the log goes to standard error: {error}"
                )),
            }
        }
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let coloured = io::stderr().is_terminal() && !plain;
        let writer = self.writer(io::stderr());
        let (level, threshold) = threshold(config.log_screen.value);
        self.main = Some(threshold);
        sink(format, writer, coloured, level)
    }

    fn file(&mut self, config: &Config) -> Option<Sink> {
        let path = config.log_file.value.as_deref()?;
        match open(path) {
            Ok(file) => {
                let writer = self.writer(file);
                let (level, threshold) = threshold(config.log_file_level.value);
                self.file = Some(threshold);
                Some(sink(config.log_format.value, writer, false, level))
            }
            Err(error) => {
                let path = path.display();
                self.faults.push(format!(
                    "cannot log to {path}, and nothing goes there: {error}"
                ));
                None
            }
        }
    }

    fn writer(&mut self, to: impl io::Write + Send + 'static) -> NonBlocking {
        let (writer, guard) = tracing_appender::non_blocking(to);
        self.guards.push(guard);
        self.dropped.0.push(writer.error_counter());
        writer
    }
}

/// Opens a log file at its end, so that a file that was truncated goes on from its beginning.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().append(true).create(true).open(path)
}

/// Nothing of ours is fatal and logged: what ends the process is an error.
fn filter(level: Option<Level>) -> LevelFilter {
    match level {
        None => LevelFilter::OFF,
        Some(Level::Trace) => LevelFilter::TRACE,
        Some(Level::Debug) => LevelFilter::DEBUG,
        Some(Level::Info) => LevelFilter::INFO,
        Some(Level::Warning) => LevelFilter::WARN,
        Some(Level::Error | Level::Fatal) => LevelFilter::ERROR,
    }
}

fn threshold(level: Option<Level>) -> (reload::Layer<LevelFilter, Registry>, Threshold) {
    reload::Layer::new(filter(level))
}

fn sink(
    format: Format,
    writer: NonBlocking,
    coloured: bool,
    level: reload::Layer<LevelFilter, Registry>,
) -> Sink {
    let lines = layer().with_writer(writer).with_ansi(coloured);
    let timed = UtcTime::rfc_3339();
    match format {
        Format::Felix | Format::Journald => {
            let lines = lines.with_ansi(false).event_format(Felix);
            lines.with_filter(level).boxed()
        }
        Format::Json => {
            let lines = lines.with_timer(timed).json().flatten_event(true);
            lines.with_filter(level).boxed()
        }
        Format::Pretty => {
            let lines = lines.with_timer(timed).compact();
            lines.with_filter(level).boxed()
        }
    }
}

/// `2017-01-05 09:17:48.238 [INFO][PID] target LINE: message key=value`, in UTC.
struct Felix;

const STAMP: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]"
);

impl<S, N> FormatEvent<S, N> for Felix
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let about = event.metadata();
        let stamp = OffsetDateTime::now_utc()
            .format(STAMP)
            .map_err(|_| fmt::Error)?;
        let (level, pid) = (level_name(*about.level()), process::id());
        let (target, line) = (about.target(), about.line().unwrap_or(0));
        write!(writer, "{stamp} [{level}][{pid}] {target} {line}: ")?;
        let mut told = Told::default();
        event.record(&mut told);
        let spans = context.event_scope().into_iter().flatten();
        for span in spans {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                told.add(format_args!(" {fields}"));
            }
        }
        writeln!(
            writer,
            "{}{}",
            Escaped(&told.message),
            Escaped(&told.fields)
        )
    }
}

/// The level in Felix's names.
fn level_name(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::TRACE => "TRACE",
        tracing::Level::DEBUG => "DEBUG",
        tracing::Level::INFO => "INFO",
        tracing::Level::WARN => "WARNING",
        tracing::Level::ERROR => "ERROR",
    }
}

/// What an event says.
#[derive(Default)]
struct Told {
    message: String,
    fields: String,
}

impl Told {
    fn add(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ok = self.fields.write_fmt(text);
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.add(format_args!(" {name}={value:?}")),
        }
    }
}

/// A text on one line: what somebody put into a name must not look like a line of ours.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c.is_control() {
                true => write!(f, "{}", c.escape_default())?,
                false => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::{debug, info, info_span, warn};

    /// What a file holds after some events.
    fn logged(level: &str, format: &str, events: impl FnOnce()) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/felix.log");
        let given = [
            ("FELIX_LOGFILEPATH", path.to_str().unwrap()),
            ("FELIX_LOGSEVERITYSCREEN", "none"),
            ("FELIX_LOGSEVERITYFILE", level),
            ("FELIX_LOGFORMAT", format),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::resolve(given, None, "host").unwrap().config;
        let (dispatch, logging) = Logging::prepare(&config);
        dispatcher::with_default(&dispatch, events);
        assert_eq!(logging.faults(), [""; 0]);
        assert_eq!(logging.dropped().count(), 0);
        drop(logging);
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn lines_look_like_those_of_felix() {
        let text = logged("info", "felix", || {
            let _in = info_span!("commit", number = 7).entered();
            warn!(target: "store", key = "a b", count = 2, "lost {}", "etcd");
            debug!("not of this level");
            info!("two\nlines \x1b[31m");
        });
        let lines: Vec<_> = text.lines().collect();
        let [first, second] = lines[..] else {
            panic!("{text}")
        };
        let (stamp, rest) = first.split_at(23);
        let shape: String = stamp
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00 00:00:00.000");
        let head = format!(" [WARNING][{}] store ", process::id());
        let rest = rest.strip_prefix(&head).unwrap();
        let (line, rest) = rest.split_once(": ").unwrap();
        assert!(line.parse::<u32>().unwrap() > 0, "{first}");
        assert_eq!(rest, "lost etcd key=\"a b\" count=2 number=7");
        assert!(
            second.ends_with(": two\\nlines \\u{1b}[31m number=7"),
            "{second}"
        );
    }

    #[test]
    fn json_is_an_object_a_line() {
        let text = logged("ERROR", "json", || {
            error!(count = 2, "lost");
            warn!("not of this level");
        });
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{text}");
        for part in ["\"message\":\"lost\"", "\"count\":2", "\"level\":\"ERROR\""] {
            assert!(line.contains(part), "{line}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_had_is_a_fault_and_no_failure() {
        let given = [(
            "felix_LogFilePath".to_owned(),
            "/dev/null/felix.log".to_owned(),
        )];
        let config = Config::resolve(given, None, "host").unwrap().config;
        let (_, logging) = Logging::prepare(&config);
        assert_eq!(logging.faults().len(), 1);
    }

    #[test]
    fn without_a_journal_the_log_goes_to_standard_error_and_says_so() {
        let given = [("FELIX_LOGFORMAT".to_owned(), "journald".to_owned())];
        let config = Config::resolve(given, None, "host").unwrap().config;
        let (_, logging) = Logging::prepare(&config);
        let journal = Path::new("/run/systemd/journal/socket").exists();
        assert_eq!(
            logging.faults().is_empty(),
            journal,
            "{:?}",
            logging.faults()
        );
        assert_eq!(logging.guards.is_empty(), journal);
    }

    #[test]
    fn every_level_has_a_filter() {
        let levels = [
            (Level::Trace, LevelFilter::TRACE),
            (Level::Warning, LevelFilter::WARN),
            (Level::Fatal, LevelFilter::ERROR),
        ];
        for (level, expected) in levels {
            assert_eq!(filter(Some(level)), expected);
        }
    }
}
