//! The text of `ipset save` to sets.

mod element;
mod option;

use std::collections::BTreeMap;

use super::Set;

/// Why a text is no list of sets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ReadError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

/// Reads what `ipset save` printed.
pub fn read(text: &str) -> Result<Vec<Set>, ReadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut sets: Vec<Set> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        take(number, line, &mut sets, &mut places).map_err(|problem| ReadError {
            line: number,
            problem,
        })?;
    }
    Ok(sets)
}

fn take(
    number: usize,
    line: &str,
    sets: &mut Vec<Set>,
    places: &mut BTreeMap<String, usize>,
) -> Result<(), String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') || line == "COMMIT" {
        return Ok(());
    }
    let words = words(line)?;
    let (command, name, rest) = match words.as_slice() {
        [command, name, rest @ ..] => (command.as_str(), name, rest),
        _ => return Err(strange(line)),
    };
    match command {
        "create" | "-N" | "n" | "-!create" => {
            if places.insert(name.clone(), sets.len()).is_some() {
                return Err(format!("set {name} a second time"));
            }
            sets.push(option::set(number, name, rest)?);
            Ok(())
        }
        "add" | "-A" | "a" => {
            let place = places
                .get(name)
                .ok_or_else(|| format!("there is no set {name:?}: `create` comes first"))?;
            let set = &mut sets[*place];
            let element = element::element(number, set, rest)?;
            set.elements.push(element);
            Ok(())
        }
        _ => Err(strange(line)),
    }
}

fn strange(line: &str) -> String {
    let short: String = line.chars().take(60).collect();
    format!("{short:?} is no line of ipset save: create NAME TYPE ... and add NAME ELEMENT ... are")
}

/// Splits a line at blanks; a text in double quotes is one word.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quotation has no end")?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::migrate::ipset::Field;

    #[test]
    fn elements_have_dimensions_and_options() {
        let sets = read(
            "create banned hash:net family inet hashsize 1024 maxelem 65536 timeout 300 counters comment\n\
             add banned 10.0.0.0/8 timeout 12 packets 3 bytes 180 comment \"a b\"\n\
             add banned 10.1.0.0/16 nomatch\n\
             create web hash:ip,port family inet6\n\
             add web fe80::1,tcp:80-81\n",
        )
        .unwrap();
        assert_eq!(sets.len(), 2);
        assert_eq!(sets[0].options.timeout, Some(300));
        assert_eq!(sets[0].elements[0].comment.as_deref(), Some("a b"));
        assert!(sets[0].elements[1].nomatch);
        assert!(
            matches!(sets[1].elements[0].fields[1], Field::Port(port) if port.ports.last() == 81)
        );
    }

    #[test]
    fn faults_have_lines() {
        assert_eq!(read("add a 1.2.3.4").unwrap_err().line, 1);
        let bad = read("create a hash:ip\nadd a 1.2.3\n").unwrap_err();
        assert_eq!(bad.line, 2);
        assert!(read("Name: a").is_err());
    }
}
