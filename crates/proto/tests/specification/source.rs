//! The sources of the crate, as far as they can be compared with a document.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The text of a file in `src`.
pub(crate) fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fields of each event that a file declares with `events!`, in order.
pub(crate) fn events(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut events = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let declared = line.trim().strip_prefix('"');
        let Some((kind, rest)) = declared.and_then(|line| line.split_once("\" => ")) else {
            continue;
        };
        let mut fields = Vec::new();
        if !rest.ends_with("{}") {
            let body = lines.by_ref().take_while(|line| line.trim() != "}");
            for (name, of) in body.filter_map(field) {
                fields.push(name.to_owned());
                if let Some(element) = of.strip_prefix("Vec<").and_then(|of| of.strip_suffix('>')) {
                    let nested = structure(text, element);
                    fields.extend(nested.iter().map(|field| format!("{name}[].{field}")));
                }
            }
        }
        events.insert(kind.to_owned(), fields);
    }
    events
}

/// The fields of a public structure; none where it is not declared in the file.
fn structure(text: &str, name: &str) -> Vec<String> {
    let head = format!("pub struct {name} {{");
    let lines = text.lines().skip_while(|line| *line != head).skip(1);
    let fields = lines.take_while(|line| *line != "}").filter_map(field);
    fields.map(|(name, _)| name.to_owned()).collect()
}

/// The name and the type that a line declares.
fn field(line: &str) -> Option<(&str, &str)> {
    let line = line.trim().strip_suffix(',')?;
    let (name, of) = line.split_once(": ")?;
    let name = name.strip_prefix("pub ").unwrap_or(name);
    let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_name.then_some((name, of))
}

/// The constants of 16 bits that a file declares, by name.
pub(crate) fn codes(text: &str) -> BTreeMap<String, u16> {
    let lines = text.lines().map(str::trim);
    let declared = lines.filter_map(|line| line.strip_prefix("pub const "));
    let codes = declared.filter_map(|rest| {
        let (name, value) = rest.strip_suffix(';')?.split_once(": u16 = ")?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    codes.collect()
}

/// An amount as a document or a constant tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Time(Duration),
    Count(u64),
}

/// What a file sets a name to: one value, the two of a pair, or those of each place where a
/// structure's field of that name is set.
pub(crate) fn values(text: &str, name: &str) -> Vec<Value> {
    let constant = format!("const {name}: ");
    let field = format!("{name}: ");
    let mut values = Vec::new();
    for line in text.lines().map(str::trim) {
        let set = if let Some((_, rest)) = line.split_once(&constant) {
            rest.split_once(" = ").map(|(_, set)| set)
        } else {
            line.strip_prefix(&field)
        };
        let set = set.map(|set| set.trim_end_matches([';', ',']));
        let set = set.map(|set| set.trim_start_matches('(').replace("))", ")"));
        values.extend(
            set.iter()
                .flat_map(|set| set.split(", "))
                .filter_map(evaluate),
        );
    }
    values
}

/// A duration or a number as constants write it.
fn evaluate(expression: &str) -> Option<Value> {
    for (call, unit_ms) in [
        ("Duration::from_secs(", 1000),
        ("Duration::from_millis(", 1),
    ] {
        if let Some(inner) = expression.strip_prefix(call) {
            let number = number(inner.strip_suffix(')')?)?;
            return Some(Value::Time(Duration::from_millis(number * unit_ms)));
        }
    }
    number(expression).map(Value::Count)
}

fn number(expression: &str) -> Option<u64> {
    // Samples a second, in all files.
    if expression == "RATE" {
        return Some(24_000);
    }
    if let Some((left, right)) = expression.split_once(" << ") {
        return Some(number(left)? << number(right)?);
    }
    if let Some((left, right)) = expression.split_once(" * ") {
        return Some(number(left)? * number(right)?);
    }
    expression.replace('_', "").parse().ok()
}

impl Value {
    /// What a document says: `250 ms`, `8 MiB`, `16 bytes`, `20`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
        let number: u64 = number.replace(',', "").parse().ok()?;
        Some(match unit {
            "ms" => Self::Time(Duration::from_millis(number)),
            "s" => Self::Time(Duration::from_secs(number)),
            "min" => Self::Time(Duration::from_secs(number * 60)),
            "" | "byte" | "bytes" => Self::Count(number),
            "KiB" => Self::Count(number << 10),
            "MiB" => Self::Count(number << 20),
            _ => return None,
        })
    }
}
