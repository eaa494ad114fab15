//! The page of the documentation that the table of settings is.

use std::fmt::Write;

use super::setting::{Change, Fault, Reach, Setting};
use super::table::{Config, SETTINGS};

const HEAD: &str = "\
# Configuration of the agent

This page is made from the table that the agent reads its settings by (`src/config/table.rs`); a test holds it to that.

The first source that gives a setting counts:

1. the environment: `FELIX_` and the name, in any case;
2. the file, `/etc/calico/felix.cfg` unless `--config` names another: `name = value` a line, names in any case,
   sections passed over. It need not exist;
3. the `FelixConfiguration` of the host (`node.NAME`), then the oldest one whose selector matches the host's labels,
   then the one named `default`;
4. of policy, the document of kind `Settings`;
5. the default.

An empty value is ignored. The word `none` turns a setting off, and is an error where that is not possible. A span of
time is a number of seconds, or numbers with units: `10ms`, `30s`, `1m30s`, `2h`. Names that Felix knows and Margay has
no use for are accepted with a warning that says why; so are names that nobody knows.

What the datastore says is acted by as soon as it is known. The first time nothing takes a restart; later the agent
ends with exit code 129 where a setting that restarts it changed. A value that is an error is not acted by, and
`margay status` and `/readiness` say so.

`margay config show --origin` prints every setting, its value and where it came from.
";

const COLUMNS: &str = "\
| setting | default | from the datastore | a bad value | a change |
|---|---|---|---|---|
";

/// The text of `docs/configuration.md`.
pub fn page() -> String {
    let usual = Config::default();
    let (mut page, mut topic) = (HEAD.to_owned(), "");
    for setting in SETTINGS {
        if setting.topic != topic {
            topic = setting.topic;
            // Writing to a String cannot fail.
            let _ok = write!(page, "\n## {topic}\n\n{COLUMNS}");
        }
        page.push_str(&row(setting, &usual));
    }
    page
}

fn row(setting: &Setting<Config>, usual: &Config) -> String {
    let (name, line, allowed) = (setting.name, setting.line, setting.allowed);
    let default = match name {
        "FelixHostname" => "the kernel's host name, in lower case".to_owned(),
        _ => format!("`{}`", (setting.text)(usual)),
    };
    let reach = match setting.reach {
        Reach::Local => "no".to_owned(),
        Reach::Policy => "yes".to_owned(),
        Reach::Anywhere(None) => "yes".to_owned(),
        Reach::Anywhere(Some(field)) => format!("yes, as `{field}`"),
    };
    let fault = match setting.fault {
        Fault::Fatal => "is an error",
        Fault::Default => "warns, and the default counts",
    };
    let change = match setting.change {
        Change::InPlace => "is taken in place",
        Change::Restart => "restarts the agent",
    };
    format!("| `{name}`: {line}. *{allowed}* | {default} | {reach} | {fault} | {change} |\n")
}
