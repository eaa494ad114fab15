//! What all plots have: a frame that says what is in it, and marks.

use super::escape::escape;

/// How wide a plot is, in its own units; on a page it is as wide as there is room.
pub(super) const WIDTH: f64 = 640.0;

/// A drawing that a reader who cannot see it is told of.
pub(super) fn frame(
    id: &str,
    height: f64,
    title: &str,
    description: &str,
    content: &str,
) -> String {
    let (title, description) = (escape(title), escape(description));
    format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
         <title id=\"{id}-t\">{title}</title>\n<desc id=\"{id}-d\">{description}</desc>\n{content}</svg>\n"
    )
}

/// Where a text stands relative to its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// Text, of which the HTML is given.
pub(super) fn text(class: &str, x: f64, y: f64, anchor: Anchor, html: &str) -> String {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    format!(
        "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{html}</text>\n",
        place(x),
        place(y)
    )
}

/// A straight line.
pub(super) fn line(class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) -> String {
    format!(
        "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>\n",
        place(x1),
        place(y1),
        place(x2),
        place(y2)
    )
}

/// A place with as many digits as can be seen.
pub(super) fn place(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// A sign in one of four forms.
pub(super) fn sign(class: &str, number: usize, x: f64, y: f64) -> String {
    let class = format!("sign {class}");
    let at = |dx: f64, dy: f64| format!("{} {}", place(x + dx), place(y + dy));
    match number % 4 {
        0 => format!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"4\"/>\n",
            place(x),
            place(y)
        ),
        1 => format!(
            "<path class=\"{class}\" d=\"M{}h7v7h-7z\"/>\n",
            at(-3.5, -3.5)
        ),
        2 => format!(
            "<path class=\"{class}\" d=\"M{}L{}L{}z\"/>\n",
            at(0.0, -5.0),
            at(4.5, 3.5),
            at(-4.5, 3.5)
        ),
        _ => format!(
            "<path class=\"{class}\" d=\"M{}L{}L{}L{}z\"/>\n",
            at(0.0, -5.0),
            at(5.0, 0.0),
            at(0.0, 5.0),
            at(-5.0, 0.0)
        ),
    }
}

/// How many peers have a colour of their own.
pub(super) const PEERS: usize = 8;
