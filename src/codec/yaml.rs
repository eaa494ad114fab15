//! YAML text to nodes, document by document; a document that does not parse costs none of the others.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    Event, Marker, Options, Parser, ScalarStyle, ScanError, Span, StrInput,
};

use super::node::{Node, Place, Scalar, Value};

/// Deepest nesting of block and of flow collections.
const DEPTH_MAX: usize = 64;

/// Most bytes that the aliases of one document may stand for.
const ALIAS_BYTES_MAX: usize = 16 << 20;

/// Why a document is no tree.
#[derive(Debug)]
pub(super) struct Unparsable {
    pub(super) place: Place,
    pub(super) message: String,
}

/// The documents of a text; empty ones are left out.
pub(super) struct Documents<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    /// Where the text begins.
    base: Place,
}

impl<'a> Documents<'a> {
    /// The documents of a text that begins at a place.
    pub(super) fn new(text: &'a str, base: Place) -> Self {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.flow_nesting_limit = DEPTH_MAX;
        options.block_nesting_limit = DEPTH_MAX;
        Self {
            parser: Parser::new_from_str_with_options(text, options),
            text,
            base,
        }
    }

    fn place(&self, marker: Marker) -> Place {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let first_line = marker.line() <= 1;
        Place {
            source: self.base.source,
            line: self.base.line + number(marker.line()).saturating_sub(1),
            column: number(marker.col()) + if first_line { self.base.column } else { 1 },
            offset: self.base.offset + marker.byte_offset().unwrap_or(0),
        }
    }

    /// Goes on behind the document that failed.
    fn recover(&mut self, error: &ScanError) -> Unparsable {
        let place = self.place(*error.marker());
        // A boundary that cannot be found ends the text: the next event says so.
        let _more = self.parser.proceed_next_document();
        Unparsable {
            place,
            message: format!("not YAML: {}", error.info()),
        }
    }

    /// The rest of a document whose start was read.
    fn tree(&mut self) -> Result<Option<Node>, Unparsable> {
        let mut builder = Builder::default();
        while let Some(event) = self.parser.next_event() {
            let (event, span) = event.map_err(|error| self.recover(&error))?;
            let place = self.place(span.start);
            if matches!(event, Event::DocumentEnd) {
                break;
            }
            if let Err(message) = builder.take(event, place, span, self.text) {
                let _more = self.parser.proceed_next_document();
                return Err(Unparsable { place, message });
            }
        }
        Ok(builder.root)
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<Node, Unparsable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.parser.next_event()? {
                Err(error) => return Some(Err(self.recover(&error))),
                Ok((Event::DocumentStart(..), _)) => match self.tree() {
                    Ok(Some(node)) if !matches!(node.value, Value::Null) => return Some(Ok(node)),
                    Ok(_) => {}
                    Err(unparsable) => return Some(Err(unparsable)),
                },
                Ok(_) => {}
            }
        }
    }
}

/// Makes a tree of events, on a stack of its own.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    alias_bytes: usize,
}

/// A collection that is not finished.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map(Vec<(Node, Node)>, Option<Node>),
}

impl Builder {
    fn take(
        &mut self,
        event: Event<'_>,
        place: Place,
        span: Span,
        text: &str,
    ) -> Result<(), String> {
        match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => Err("a tag (!...) has no meaning here".into()),
            Event::Scalar(value, style, anchor, None) => {
                let value = scalar(value.into_owned(), style, place, span, text);
                self.finish(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, None) => {
                self.begin(place, anchor, Content::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, None) => {
                self.begin(place, anchor, Content::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor),
            Event::UnresolvedAlias(_) => Err("an alias of nothing".into()),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::Comment(..)
            | _ => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), String> {
        self.open.push(Open {
            place,
            anchor,
            content,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map(entries, _) => Value::Map(entries),
        };
        let place = open.place;
        self.finish(Node { place, value }, open.anchor)
    }

    fn alias(&mut self, anchor: usize) -> Result<(), String> {
        let Some((node, weight)) = self.anchors.get(&anchor) else {
            return Err("an alias inside the node that it stands for".into());
        };
        self.alias_bytes += weight;
        if self.alias_bytes > ALIAS_BYTES_MAX {
            return Err(format!(
                "the aliases of this document stand for more than {ALIAS_BYTES_MAX} bytes"
            ));
        }
        let node = node.clone();
        self.finish(node, 0)
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if anchor > 0 {
            let weight = node.weight();
            self.alias_bytes += weight;
            if self.alias_bytes > ALIAS_BYTES_MAX {
                return Err(format!(
                    "the anchors of this document hold more than {ALIAS_BYTES_MAX} bytes"
                ));
            }
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(node),
            },
        }
        Ok(())
    }
}

fn scalar(value: String, style: ScalarStyle, place: Place, span: Span, text: &str) -> Value {
    let plain = matches!(style, ScalarStyle::Plain);
    if plain && matches!(value.as_str(), "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    let written = span.slice(text);
    let verbatim = match written {
        Some(written) if written == value => Some(place),
        Some(written) if written.get(1..written.len() - 1) == Some(value.as_str()) => {
            Some(place.advanced(&written[..1]))
        }
        Some(_) | None => None,
    };
    Value::Scalar(Scalar {
        text: value,
        verbatim,
    })
}
