//! Text that means nothing to HTML.

/// The text for use between tags and in quoted attributes. Control characters, which no page may have, become
/// the sign for what cannot be shown.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            _ if c.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// The text with no more than so many characters, and as HTML.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.chars().count() <= most {
        true => escape(text),
        false => {
            let begin: String = text.chars().take(most.saturating_sub(1)).collect();
            format!("{}…", escape(&begin))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(
            escape("<a href='x'>&\"\u{0}"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{fffd}"
        );
        assert_eq!(shortened("<<<<", 3), "&lt;&lt;…");
        assert_eq!(shortened("<<<", 3), "&lt;&lt;&lt;");
    }
}
