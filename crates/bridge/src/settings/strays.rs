//! What is said and means nothing: keys of the file and variables that no setting has.

use toml::Spanned;
use toml::de::DeTable;

use super::SECRETS;
use super::environment::variable;
use super::reader::Reader;

/// Makes a problem of whatever no setting was read from, now that all of them were.
pub(super) fn find(reader: &mut Reader<'_>) {
    let mut known: Vec<&str> = reader.known.clone();
    let mut sections: Vec<&str> = known
        .iter()
        .filter_map(|it| it.split_once('.'))
        .map(|it| it.0)
        .collect();
    sections.sort_unstable();
    sections.dedup();
    // They are read from there, and only from there.
    let variables: Vec<&str> = known.iter().copied().chain(SECRETS).collect();
    for name in reader.environment().unknown(&sections, &variables) {
        let near = nearest(name, variables.iter().map(|it| variable(it)));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        reader.wrong_at(None, name, &format!("there is no such setting{near}"));
    }
    known.extend(&reader.lists);
    if let Some(table) = reader.document() {
        in_file(reader, table, &sections, &known);
    }
}

fn in_file(reader: &mut Reader<'_>, table: &DeTable<'_>, sections: &[&str], known: &[&str]) {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if known.contains(&name) {
            // A list of tables, which was read as a whole.
            continue;
        }
        if !sections.contains(&name) {
            let what = match (elsewhere(name, known), value.get_ref().is_table()) {
                (Some(section), false) => format!("`{name}` belongs into the section [{section}]"),
                _ => {
                    let near = nearest(name, sections.iter().map(|it| (*it).to_owned()));
                    let near = near.map_or_else(
                        || format!("the sections are {}", sections.join(", ")),
                        |near| format!("did you mean [{near}]?"),
                    );
                    format!("there is no section or setting `{name}`; {near}")
                }
            };
            reader.wrong_in_file(key.span(), what);
        } else if let Some(section) = value.get_ref().as_table() {
            for key in section.keys() {
                stray(reader, name, key, known);
            }
        } else {
            let what = format!("{name} is a section and has to be written as [{name}]");
            reader.wrong_in_file(value.span(), what);
        }
    }
}

/// A key of a section, which may be none of its settings.
fn stray(
    reader: &mut Reader<'_>,
    section: &str,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    known: &[&str],
) {
    let name = key.get_ref().as_ref();
    let setting = format!("{section}.{name}");
    if known.contains(&setting.as_str()) {
        return;
    }
    let prefix = format!("{section}.");
    let keys = || known.iter().filter_map(|it| it.strip_prefix(&prefix));
    let what = if SECRETS.contains(&setting.as_str()) {
        let variable = variable(&setting);
        format!(
            "a secret does not belong into this file, which many can read: put it into a file of its \
             own and name that with {name}_file, or set {variable}"
        )
    } else if let Some(near) = nearest(name, keys().map(ToOwned::to_owned)) {
        format!("there is no setting `{name}` in [{section}]; did you mean `{near}`?")
    } else if let Some(other) = elsewhere(name, known) {
        format!("there is no setting `{name}` in [{section}], but in [{other}]")
    } else {
        let keys: Vec<_> = keys().collect();
        format!(
            "there is no setting `{name}` in [{section}]; there are {}",
            keys.join(", ")
        )
    };
    reader.wrong_in_file(key.span(), what);
}

/// The section that has a setting of this name.
fn elsewhere<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut settings = known.iter().filter_map(|it| it.split_once('.'));
    settings
        .find(|(_, key)| *key == name)
        .map(|(section, _)| section)
}

/// The one of some names that may have been meant.
fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let near = names.map(|other| (distance(name, &other), other));
    let near = near.filter(|(distance, _)| *distance <= 2 && *distance < name.len());
    near.min().map(|(_, other)| other)
}

/// How many letters have to be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_far_apart_as_typing_goes() {
        for (one, other, apart) in [
            ("", "", 0),
            ("ttl", "", 3),
            ("ttl", "tll", 1),
            ("resume", "resume_window", 7),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), apart, "{one} {other}");
        }
        let keys = || ["ttl", "grace"].map(str::to_owned).into_iter();
        assert_eq!(nearest("tll", keys()).as_deref(), Some("ttl"));
        assert_eq!(nearest("x", keys()), None);
    }
}
