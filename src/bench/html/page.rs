//! The frame of a page that stands alone: one file, no script, nothing fetched, light and dark, on paper too.

use super::escape::escape;

/// How every page looks.
const STYLE: &str = include_str!("page.css");

/// Nothing may be fetched, whatever a name in a document says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page whose content somebody else makes.
#[derive(Debug)]
pub struct Page<'a> {
    /// What it is, as text.
    pub title: &'a str,
    /// What it is about, in a line of text under the title.
    pub lead: &'a str,
    /// Style of what is in it, beside that of the frame.
    pub style: &'a str,
    /// Where its sections begin.
    pub contents: &'a [Entry],
    /// HTML that stands under the lead.
    pub summary: &'a str,
    /// HTML of its sections.
    pub body: &'a str,
}

/// A section in the table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The `id` of its element.
    pub anchor: String,
    /// Its name, as text.
    pub label: String,
}

impl Page<'_> {
    /// The whole file.
    pub fn render(&self) -> String {
        let (title, lead) = (escape(self.title), escape(self.lead));
        let entries = self.contents.iter().map(|entry| {
            let (anchor, label) = (escape(&entry.anchor), escape(&entry.label));
            format!("<li><a href=\"#{anchor}\">{label}</a></li>\n")
        });
        let entries: String = entries.collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#content\">To the content</a>\n\
             <header class=\"masthead\">\n<p class=\"brand\">Margay</p>\n<h1>{title}</h1>\n\
             <p class=\"lead\">{lead}</p>\n{summary}</header>\n\
             <nav class=\"contents\" aria-label=\"Contents\">\n<ul>\n{entries}</ul>\n</nav>\n\
             <main id=\"content\">\n{body}</main>\n</body>\n</html>\n",
            style = self.style,
            summary = self.summary,
            body = self.body,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let page = Page {
            title: "<script>",
            lead: "\"a\" & b",
            style: "",
            contents: &[Entry {
                anchor: "\"><b".to_owned(),
                label: "<i>".to_owned(),
            }],
            summary: "",
            body: "",
        };
        let html = page.render();
        for raw in ["<script", "<b", "<i"] {
            let escaped = html.replace("<body>", "");
            assert!(!escaped.contains(raw), "{raw} in {html}");
        }
        assert!(html.contains("<title>&lt;script&gt;</title>"));
    }
}
