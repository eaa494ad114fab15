//! Words of a line, as `iptables-restore` splits them.

/// A word, and whether it stood in quotes: then it is a value, whatever it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) quoted: bool,
}

impl Word {
    /// Whether this is `!`.
    pub(super) fn is_bang(&self) -> bool {
        !self.quoted && self.text == "!"
    }

    /// Whether this begins an option.
    pub(super) fn is_option(&self) -> bool {
        let mut letters = self.text.chars();
        !self.quoted
            && letters.next() == Some('-')
            && letters
                .next()
                .is_some_and(|second| !second.is_ascii_digit() || self.text.len() == 2)
    }
}

/// Splits a line at blanks; a text in double quotes is one word, in which a backslash takes the next character as it is.
pub(super) fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut found = Vec::new();
    let mut word = Word {
        text: String::new(),
        quoted: false,
    };
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                quotation(&mut letters, &mut word.text)?;
                word.quoted = true;
            }
            letter if letter.is_whitespace() => finish(&mut word, &mut found),
            letter => word.text.push(letter),
        }
        if word.quoted {
            finish(&mut word, &mut found);
        }
    }
    finish(&mut word, &mut found);
    Ok(found)
}

fn finish(word: &mut Word, found: &mut Vec<Word>) {
    if word.quoted || !word.text.is_empty() {
        found.push(Word {
            text: std::mem::take(&mut word.text),
            quoted: std::mem::take(&mut word.quoted),
        });
    }
}

fn quotation(letters: &mut std::str::Chars<'_>, text: &mut String) -> Result<(), String> {
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return Ok(()),
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    Err("a quotation has no end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quotations_are_one_word() {
        let found = words(r#"-m comment --comment "a \"b\" \\ c" ! -s x"#).unwrap();
        let texts: Vec<_> = found.iter().map(|w| w.text.as_str()).collect();
        assert_eq!(
            texts,
            ["-m", "comment", "--comment", r#"a "b" \ c"#, "!", "-s", "x"]
        );
        assert!(words("-j LOG --log-prefix \"x").is_err());
    }
}
