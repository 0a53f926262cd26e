//! `docs/protocol.md`, as far as it can be compared with code.

/// The document.
pub(crate) struct Document {
    text: String,
}

/// An extension event as the document describes it.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) is_numbered: bool,
    pub(crate) fields: Vec<Field>,
}

/// A field of an event; `played[].item_id` is a field of each of the field `played`.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) is_optional: bool,
}

impl Document {
    pub(crate) fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
        let text = std::fs::read_to_string(path).expect("the specification is there");
        Self { text }
    }

    /// Everything under a heading, up to the next one that is not below it.
    pub(crate) fn section(&self, heading: &str) -> Vec<&str> {
        let level = heading.split(' ').next().expect("a split has a first part");
        let mut in_code = false;
        let ends = |line: &&str| {
            in_code ^= line.starts_with("```");
            let mark = line.split(' ').next().unwrap_or_default();
            let is_heading = !mark.is_empty() && mark.chars().all(|c| c == '#');
            in_code || !is_heading || mark.len() > level.len()
        };
        let mut lines = self.text.lines().skip_while(|line| *line != heading);
        assert!(lines.next().is_some(), "there is no section {heading:?}");
        lines.take_while(ends).collect()
    }

    /// The events under a heading, each with a heading of its own.
    pub(crate) fn events(&self, heading: &str) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for line in self.section(heading) {
            if let Some(kind) = line.strip_prefix("#### ") {
                events.push(Event {
                    kind: code(kind).to_owned(),
                    is_numbered: false,
                    fields: Vec::new(),
                });
            }
            let Some(event) = events.last_mut() else {
                continue;
            };
            event.is_numbered |= line.starts_with("Numbered.");
            if let Some(row) = row(line) {
                let kind = row[1].strip_suffix(", optional");
                event.fields.push(Field {
                    name: code(row[0]).to_owned(),
                    kind: kind.unwrap_or(row[1]).to_owned(),
                    is_optional: kind.is_some(),
                });
            }
        }
        events
    }

    /// The rows of the tables under a heading, without those that head them.
    pub(crate) fn rows(&self, heading: &str) -> Vec<Vec<&str>> {
        self.section(heading).into_iter().filter_map(row).collect()
    }

    /// Everything in the document that is set as code, outside of blocks of it.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let blocks = self.text.split("\n```");
        // What is between the first two fences is a block, and so on.
        let prose = blocks.step_by(2);
        prose
            .flat_map(|prose| prose.split('`').skip(1).step_by(2))
            .collect()
    }
}

/// The cells of a line of a table, unless it is its head or the line below that.
fn row(line: &str) -> Option<Vec<&str>> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let cells: Vec<&str> = cells.split(" | ").map(str::trim).collect();
    let heads = ["field", "code", "name"];
    (!heads.contains(&cells[0])).then_some(cells)
}

/// Takes the marks of code away.
fn code(text: &str) -> &str {
    text.trim_matches('`')
}
