//! Messages that no end of ours sends: whole events with wild numbers, and noise.

use offhook_proto::{client, server};

use super::super::bytes::Bytes;
use super::world::World;

/// What a server might say, with numbers in place of `#`.
const TO_CLIENT: [&str; 16] = [
    r#"{"type":"offhook.ack","up_to":#,"commit":#}"#,
    r#"{"type":"session.resumed","epoch":"epoch_0","generation":#,"recv":#,"commit":#,"replay_from":#,"replay_to":#}"#,
    r#"{"type":"session.resume_failed","code":"unknown_epoch"}"#,
    r#"{"type":"session.refreshed","expires_at":#,"refresh_in_ms":7}"#,
    r#"{"type":"session.refresh_required","reason":"x","deadline_ms":7}"#,
    r#"{"type":"offhook.hello","heartbeat_ms":1,"resume_window_ms":1,"max_frame_bytes":1,"server_time":#,"session_id":"sess_0","epoch":"epoch_0","generation":1,"expires_at":#,"features":[]}"#,
    r#"{"type":"offhook.go_away","reason":"x","deadline_ms":9,"reconnect_after_ms":9}"#,
    r#"{"type":"offhook.pong","t":#,"server_time":#}"#,
    r#"{"type":"offhook.gap","seq":#,"direction":"input","from_ms":#,"to_ms":#,"reason":"x"}"#,
    r#"{"type":"offhook.stream","seq":#,"stream":1,"response_id":"r","item_id":"i","output_index":0,"content_index":0,"codec":"pcm16","rate":24000}"#,
    r#"{"type":"session.created","seq":#,"session":{"id":"sess_9"}}"#,
    r#"{"type":"input_audio_buffer.speech_stopped","seq":#,"audio_end_ms":#,"item_id":"i"}"#,
    r#"{"type":"response.output_audio.delta","seq":#,"response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"AQ=="}"#,
    r#"{"type":"conversation.item.added","seq":#,"item":{"id":"item_typed0","type":"message","content":[{"type":"x","text":"y"}]}}"#,
    r#"{"type":"error","seq":#,"error":{"type":"x","message":"x"}}"#,
    r#"{"type":"session.revoked","reason":"x"}"#,
];

/// What a client might say.
const TO_SERVER: [&str; 14] = [
    r#"{"type":"offhook.ack","up_to":#}"#,
    r#"{"type":"session.resume","session_id":"sess_0","epoch":"epoch_0","last_seq":#,"next_seq":#}"#,
    r#"{"type":"session.resume","session_id":"sess_1","epoch":"epoch_1","last_seq":#,"next_seq":#}"#,
    r#"{"type":"offhook.gap","seq":#,"through":#,"from_ms":#,"to_ms":#,"reason":"x"}"#,
    r#"{"type":"offhook.ping","t":#}"#,
    r#"{"type":"session.refresh","event_id":"e","token":"ek_x"}"#,
    r#"{"type":"input_audio_buffer.append","seq":#,"audio":"AQ=="}"#,
    r#"{"type":"input_audio_buffer.append","seq":#,"audio":""}"#,
    r#"{"type":"conversation.item.truncate","seq":#,"item_id":"item_sess_0_answer0","content_index":0,"audio_end_ms":#}"#,
    r#"{"type":"conversation.item.create","seq":#,"item":{"type":"message"}}"#,
    r#"{"type":"input_audio_buffer.commit","seq":#}"#,
    r#"{"type":"x","seq":#}"#,
    r#"{"type":"response.cancel","seq":#,"response_id":#}"#,
    r#"{"type":"offhook.bye","reason":"x"}"#,
];

/// The client gets something that its server did not say.
pub(super) fn misleads_client(world: &mut World, bytes: &mut Bytes<'_>) {
    let message = message(&TO_CLIENT, bytes);
    let conns = &world.phone.conns;
    let up = conns
        .iter()
        .rev()
        .find(|(_, stage)| **stage == super::phone::Stage::Connected);
    let Some((&conn, _)) = up else { return };
    world.phone.is_misled = true;
    for session in &mut world.sessions {
        session.is_misled = true;
    }
    let received = match &message {
        Ok(text) => client::Received::Text(text),
        Err(noise) => client::Received::Binary(noise),
    };
    world
        .phone
        .client
        .handle(world.now, client::Input::Received { conn, received });
}

/// A server gets something that its client did not say.
pub(super) fn misleads_server(world: &mut World, bytes: &mut Bytes<'_>) {
    let message = message(&TO_SERVER, bytes);
    let Some(conn) = world.line(0) else { return };
    let Some(line) = world.lines.get(&conn) else {
        return;
    };
    let session = &mut world.sessions[line.session];
    if session.has_ended || !line.to_server.is_open {
        return;
    }
    world.phone.is_misled = true;
    session.is_misled = true;
    let received = match &message {
        Ok(text) => server::Received::Text(text),
        Err(noise) => server::Received::Binary(noise),
    };
    session
        .server
        .handle(world.now, server::Input::Received { conn, received });
}

/// An event with numbers in it, or noise: text if it can be.
fn message(events: &[&str], bytes: &mut Bytes<'_>) -> Result<String, Vec<u8>> {
    let choice = usize::from(bytes.byte());
    let Some(event) = events.get(choice % (events.len() + 3)) else {
        let length = usize::from(bytes.byte());
        let noise = bytes.take(length).to_vec();
        return if choice & 1 == 0 {
            String::from_utf8(noise).map_err(std::string::FromUtf8Error::into_bytes)
        } else {
            Err(noise)
        };
    };
    let mut parts = event.split('#');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(&bytes.number().to_string());
        text.push_str(part);
    }
    Ok(text)
}
