//! A setting's value as it was written, and where.

use std::ops::Range;

use clap::ValueEnum;
use toml::Spanned;
use toml::de::DeValue;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// An option or a variable, by its name.
    Named(String),
    /// A place in the file.
    Place(Range<usize>),
}

/// A value as it was written.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// What a value is, in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Number,
    Switch,
    List,
}

impl Shape {
    pub(super) const fn said(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Number => "a whole number",
            Self::Switch => "true or false",
            Self::List => "a list of texts, as in [\"one\", \"two\"]",
        }
    }
}

/// What is written in the file, if it is of this shape.
pub(super) fn written(value: &Spanned<DeValue<'_>>, shape: Shape) -> Option<Vec<Given>> {
    let text = match (shape, value.get_ref()) {
        (Shape::Text, DeValue::String(text)) => text.clone().into_owned(),
        (Shape::Switch, DeValue::Boolean(switch)) => switch.to_string(),
        // One that is too large stays as it is, and is refused by whoever reads it.
        (Shape::Number, DeValue::Integer(number)) => {
            let read = i128::from_str_radix(number.as_str(), number.radix());
            read.map_or_else(|_| number.to_string(), |number| number.to_string())
        }
        (Shape::List, DeValue::Array(items)) => {
            let items = items.iter().map(|item| written(item, Shape::Text));
            return Some(items.collect::<Option<Vec<_>>>()?.concat());
        }
        _ => return None,
    };
    let origin = Origin::Place(value.span());
    Some(vec![Given { text, origin }])
}

/// One of the values of `T`, by its name.
pub(super) fn one_of<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let names: Vec<_> = T::value_variants().iter().map(name).collect();
        format!("it has to be one of \"{}\"", names.join("\", \""))
    })
}

/// How a value is written.
pub(super) fn name<T: ValueEnum>(value: &T) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}
