//! A flow as SVG.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chatflow_core::{FlowGraph, GraphTarget};

use super::layout::{Layout, Point, Size, lay_out};

const LINE_HEIGHT: f64 = 17.0;
const STYLE: &str = "text{font:13px sans-serif;text-anchor:middle;fill:#222}\
    .box{fill:#fff;stroke:#456;stroke-width:1.2}.out{fill:#eef2f6}.start{fill:#456}\
    .way{fill:none;stroke:#678}.late{stroke-dasharray:5 4}\
    .exit{font-size:11px;fill:#345;paint-order:stroke;stroke:#fff;stroke-width:4px}";

/// A box with its lines of text.
struct Drawn {
    lines: Vec<String>,
    class: &'static str,
    is_round: bool,
}

/// The flow as a picture that a browser shows. It has no script, no link and no font of its own.
pub(super) fn draw(graph: &FlowGraph) -> String {
    let mut drawn = vec![Drawn {
        lines: Vec::new(),
        class: "box start",
        is_round: true,
    }];
    let mut steps = BTreeMap::new();
    for node in &graph.nodes {
        steps.insert(node.step.as_str(), drawn.len());
        drawn.push(Drawn {
            lines: node.label(),
            class: "box",
            is_round: false,
        });
    }
    let mut outside = BTreeMap::new();
    for to in graph.outside() {
        outside.insert(to, drawn.len());
        drawn.push(Drawn {
            lines: vec![to.label()],
            class: "box out",
            is_round: !matches!(to, GraphTarget::Flow { .. }),
        });
    }
    let mut ways = Vec::new();
    let mut styles = Vec::new();
    if let Some(&entry) = steps.get(graph.entry.as_str()) {
        ways.push((0, entry));
        styles.push((String::new(), false));
    }
    for edge in &graph.edges {
        let to = match (&edge.to, outside.get(&edge.to)) {
            (_, Some(&to)) => Some(to),
            (GraphTarget::Step(step), None) => steps.get(step.as_str()).copied(),
            _ => None,
        };
        if let (Some(&from), Some(to)) = (steps.get(edge.from.as_str()), to) {
            ways.push((from, to));
            styles.push((edge.label(), edge.is_timeout() || edge.resumes));
        }
    }
    let sizes: Vec<Size> = drawn.iter().map(Drawn::size).collect();
    let layout = lay_out(&sizes, &ways);
    Picture {
        out: String::new(),
        sizes: &sizes,
        layout: &layout,
    }
    .draw(graph.flow.as_str(), &drawn, &ways, &styles)
}

impl Drawn {
    fn size(&self) -> Size {
        if self.lines.is_empty() {
            return Size {
                width: 16.0,
                height: 16.0,
            };
        }
        let widths = self.lines.iter().map(|line| width(line));
        Size {
            width: widths.fold(60.0, f64::max) + 24.0,
            height: lines_high(self.lines.len()) + 14.0,
        }
    }
}

struct Picture<'a> {
    out: String,
    sizes: &'a [Size],
    layout: &'a Layout,
}

// Writing to a string does not fail, so what it returns is dropped.
impl Picture<'_> {
    fn draw(
        mut self,
        title: &str,
        drawn: &[Drawn],
        ways: &[(usize, usize)],
        styles: &[(String, bool)],
    ) -> String {
        // Ways back run beside the boxes.
        let width = self.layout.size.width + 80.0;
        let height = self.layout.size.height;
        let _ = writeln!(
            self.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
             <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#678\"/></marker></defs>",
            escape(title)
        );
        let mut labels = String::new();
        let mut ways_out = vec![0_usize; drawn.len()];
        for (n, (&(from, to), (label, is_late))) in ways.iter().zip(styles).enumerate() {
            let late = if *is_late { " late" } else { "" };
            let (path, at) = self.path(n, from, to, ways_out[from]);
            ways_out[from] += 1;
            let _ = writeln!(
                self.out,
                "<path class=\"way{late}\" marker-end=\"url(#tip)\" d=\"{path}\"/>"
            );
            if !label.is_empty() {
                let Point { x, y } = at;
                let label = escape(label);
                let _ = writeln!(
                    labels,
                    "<text class=\"exit\" x=\"{x:.0}\" y=\"{y:.0}\">{label}</text>"
                );
            }
        }
        for (n, drawn) in drawn.iter().enumerate() {
            self.draw_box(n, drawn);
        }
        self.out.push_str(&labels);
        self.out.push_str("</svg>\n");
        self.out
    }

    fn draw_box(&mut self, n: usize, drawn: &Drawn) {
        let (Point { x, y }, Size { width, height }) = (self.layout.boxes[n], self.sizes[n]);
        let (left, top) = (x - width / 2.0, y - height / 2.0);
        let round = if drawn.is_round { height / 2.0 } else { 6.0 };
        let _ = writeln!(
            self.out,
            "<rect class=\"{}\" x=\"{left:.0}\" y=\"{top:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" rx=\"{round:.0}\"/>",
            drawn.class
        );
        let mut line_y = y - lines_high(drawn.lines.len()) / 2.0 + 13.0;
        for (line_number, line) in drawn.lines.iter().enumerate() {
            let weight = match line_number {
                0 => " font-weight=\"bold\"",
                _ => "",
            };
            let line = escape(line);
            let _ = writeln!(
                self.out,
                "<text x=\"{x:.0}\" y=\"{line_y:.0}\"{weight}>{line}</text>"
            );
            line_y += LINE_HEIGHT;
        }
    }

    /// The line of a way, and where its label goes.
    fn path(&self, n: usize, from: usize, to: usize, before: usize) -> (String, Point) {
        let (start, end) = (self.layout.boxes[from], self.layout.boxes[to]);
        let (from, to) = (self.sizes[from], self.sizes[to]);
        if self.layout.is_back[n] {
            let (x1, x2) = (start.x + from.width / 2.0, end.x + to.width / 2.0);
            let side = x1.max(x2) + 48.0;
            let (y1, y2) = (start.y + 4.0, end.y - 4.0);
            let path =
                format!("M{x1:.0} {y1:.0}C{side:.0} {y1:.0} {side:.0} {y2:.0} {x2:.0} {y2:.0}");
            let x = (x1 + x2 + 2.0 * side) / 4.0;
            return (
                path,
                Point {
                    x,
                    y: (y1 + y2) / 2.0,
                },
            );
        }
        let mut at = Point {
            x: start.x,
            y: start.y + from.height / 2.0,
        };
        let last = Point {
            x: end.x,
            y: end.y - to.height / 2.0,
        };
        let first = *self.layout.bends[n].first().unwrap_or(&last);
        // Labels of ways between the same boxes don't lie on one another.
        let slide = [0.35, 0.55, 0.75][before % 3];
        let label = Point {
            x: at.x + (first.x - at.x) * slide,
            y: at.y + (first.y - at.y) * slide,
        };
        let mut path = format!("M{:.0} {:.0}", at.x, at.y);
        for &next in self.layout.bends[n].iter().chain([&last]) {
            let half = (at.y + next.y) / 2.0;
            let _ = write!(
                path,
                "C{:.0} {half:.0} {:.0} {half:.0} {:.0} {:.0}",
                at.x, next.x, next.x, next.y
            );
            at = next;
        }
        (path, label)
    }
}

fn lines_high(lines: usize) -> f64 {
    (0..lines).map(|_| LINE_HEIGHT).sum()
}

/// About how wide a text is.
fn width(text: &str) -> f64 {
    let letters = text.chars();
    letters
        .map(|letter| if letter < '\u{1100}' { 7.6 } else { 14.0 })
        .sum()
}

/// A text between tags. What XML can't hold at all is replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            letter => out.push(letter),
        }
    }
    out
}
