//! Items a client adds: what is taken of them, and what the caller says in them.

use offhook_proto::wire::{ContentPart, Item, decode_pcm16};

use super::conversation::ROOT;
use super::fault::{Fault, sentence};
use super::input::CAPACITY;
use super::script::Message;

/// The longest text of an item, in bytes.
const TEXT: usize = 32 * 1024;
/// The longest id a client may choose, in bytes.
const ID: usize = 64;

/// Reads an item a client wants to add: the item as it is kept, and the message in it, if it is
/// the caller's. `id` is for an item without one.
pub(super) fn read(mut item: Item, id: String) -> Result<(Item, Option<Message>), Fault> {
    if item.kind != "message" {
        let message = "The built-in agent has no functions; items are of the type \"message\".";
        return Err(Fault::value("item.type", message));
    }
    if item.id.len() > ID || item.id == ROOT {
        let message = "An item's id has at most 64 characters and is not \"root\".";
        return Err(Fault::value("item.id", message));
    }
    if item.id.is_empty() {
        item.id = id;
    }
    let role = match item.role.as_deref() {
        Some(role @ ("user" | "system" | "assistant")) => role.to_owned(),
        Some(_) => {
            let message = "A role is \"user\", \"assistant\" or \"system\".";
            return Err(Fault::value("item.role", message));
        }
        None => return Err(Fault::missing("item.role")),
    };
    let (mut text, mut audio) = (String::new(), Vec::new());
    let mut kept = Vec::new();
    for (place, part) in item.content.into_iter().enumerate() {
        let param = |field: &str| format!("item.content[{place}].{field}");
        match (role.as_str(), part.kind.as_str()) {
            ("user" | "system", "input_text") | ("assistant", "output_text") => {
                let said = part.text.ok_or_else(|| Fault::missing(&param("text")))?;
                if text.len() + said.len() > TEXT {
                    let message = "An item has at most 32 KiB of text.";
                    return Err(Fault::value(&param("text"), message));
                }
                text.push_str(&said);
                kept.push(ContentPart {
                    kind: part.kind,
                    text: Some(said),
                    ..ContentPart::default()
                });
            }
            ("user", "input_audio") => {
                let encoded = part.extra.get("audio").and_then(|audio| audio.as_str());
                let encoded = encoded.ok_or_else(|| Fault::missing(&param("audio")))?;
                let samples = decode_pcm16(encoded)
                    .map_err(|error| Fault::value(&param("audio"), &sentence(&error)))?;
                if audio.len() + samples.len() > CAPACITY {
                    let message = "An item has at most 60 s of audio.";
                    return Err(Fault::value(&param("audio"), message));
                }
                audio.extend(samples);
                kept.push(ContentPart::input_audio());
            }
            _ => {
                let message = "Parts are \"input_text\" or, of the user, \"input_audio\"; of the \
                               assistant, \"output_text\".";
                return Err(Fault::value(&param("type"), message));
            }
        }
    }
    if kept.is_empty() {
        return Err(Fault::missing("item.content"));
    }
    let message = match role.as_str() {
        "user" if !audio.is_empty() => Some(Message::Spoken(audio)),
        "user" => Some(Message::Typed(text)),
        _ => None,
    };
    let item = Item {
        id: item.id,
        kind: item.kind,
        status: Some("completed".into()),
        role: Some(role),
        content: kept,
        ..Item::default()
    };
    Ok((item, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(id: &str) -> Item {
        Item::message(id, "user", "completed", ContentPart::input_text("Hello"))
    }

    #[test]
    fn what_is_kept_of_an_item_is_bounded() {
        let refused = |item| read(item, "item_1".into()).is_err();
        let mut long = typed("long");
        long.content[0].text = Some("x".repeat(TEXT));
        assert!(!refused(long.clone()));
        long.content.push(ContentPart::input_text("x"));
        assert!(refused(long));
        assert!(refused(typed(&"x".repeat(ID + 1))));
        let mut extra = typed("extra");
        extra.extra.insert("more".into(), "x".into());
        let (item, _) = read(extra, String::new()).unwrap();
        assert!(item.extra.is_empty());
    }

    #[test]
    fn items_are_read_or_refused_by_name() {
        let refused = |item: Item| {
            let fault = read(item, "item_1".into()).unwrap_err();
            fault.code_and_param().1.unwrap().to_owned()
        };
        let mut item = typed("");
        item.kind = "function_call".into();
        assert_eq!(refused(item), "item.type");
        let mut item = typed("");
        item.role = None;
        assert_eq!(refused(item), "item.role");
        let mut item = typed("");
        item.content[0].kind = "input_image".into();
        assert_eq!(refused(item), "item.content[0].type");
        let mut item = typed("");
        item.content = vec![ContentPart::input_audio()];
        assert_eq!(refused(item.clone()), "item.content[0].audio");
        item.content[0].extra.insert("audio".into(), "AQA=".into());
        let (item, message) = read(item, "item_1".into()).unwrap();
        assert_eq!(item.id, "item_1");
        assert!(matches!(message, Some(Message::Spoken(audio)) if audio == [1]));
    }
}
