// Generated from crates/phone by `cargo xtask bindings`. Do not edit.

/**
 * Everything a screen shows except levels, transcript and directory, which have messages of their
 * own.
 *
 * Stays under 8 KiB of JSON: the window's channel has a fast path below that.
 */
export type Snapshot = { 
/**
 * Counts changes; a later snapshot has a higher number.
 */
revision: number, 
/**
 * The program's version, as in `0.1.0`.
 */
version: string, 
/**
 * The call, from the first click to its summary.
 */
call: Call, 
/**
 * Whether the user's microphone is muted. Muted audio never leaves the process.
 */
muted: boolean, 
/**
 * The microphone: what there is, what was chosen, what is in use.
 */
microphone: DevicePicker, 
/**
 * The speaker: what there is, what was chosen, what is in use.
 */
speaker: DevicePicker, 
/**
 * Something the user should know that does not end a call; dismissed by an intent.
 */
notice: Problem | null, };

/**
 * An agent that can be called.
 */
export type Agent = { 
/**
 * The name used on the wire, as in `?agent=test`.
 */
id: string, 
/**
 * The name people see. Data, not translated.
 */
name: string, 
/**
 * One sentence on what it is for; none for the built-in agent, whose text is translated.
 */
description: string | null, 
/**
 * The language it speaks, as in `en` (BCP 47), if that is known.
 */
language: string | null, 
/**
 * The colour of its sign, as in `#0b6b58`, if it has one.
 */
color: string | null, 
/**
 * Whether the user wants it at hand.
 */
favourite: boolean, 
/**
 * Whether this is the agent that lives inside Offhook and needs no network.
 */
built_in: boolean, };

/**
 * Where a call stands.
 */
export type Call = { "state": "ready" } | { "state": "dialling", 
/**
 * Who is called.
 */
agent: Agent, 
/**
 * What is being waited for.
 */
step: DialStep, 
/**
 * Speech captured so far that will be sent when the line is up, in ms.
 */
held_ms: number, } | { "state": "live", 
/**
 * Who is on the line.
 */
agent: Agent, 
/**
 * Whether the line is healthy, and what is done about it where it is not.
 */
line: Line, 
/**
 * What the agent is doing.
 */
activity: Activity, 
/**
 * Counters so far.
 */
stats: Stats, } | { "state": "ended", 
/**
 * Who was called.
 */
agent: Agent, 
/**
 * Why it ended.
 */
reason: EndReason, 
/**
 * How long the line was up, in ms; 0 if it never was.
 */
duration_ms: number, 
/**
 * Final counters.
 */
stats: Stats, };

/**
 * What a call that is not up yet waits for, in order.
 */
export type DialStep = "authorising" | "connecting" | "opening";

/**
 * The health of a line that is, or was, up.
 *
 * What counts down here is as it was when the snapshot was made, and a snapshot is not published
 * for it alone more than twice a second: a surface counts on by itself.
 */
export type Line = { "health": "good", 
/**
 * Round trip of the last ping, in ms, once one was answered.
 */
round_trip_ms: number | null, } | { "health": "unstable" } | { "health": "reconnecting", 
/**
 * Why it went, or why the last attempt failed.
 */
cause: DropCause, 
/**
 * Which attempt is under way or comes next; from 1.
 */
attempt: number, 
/**
 * What is being done or waited for.
 */
step: ReconnectStep, 
/**
 * The caller's speech that is kept and will be sent, in ms.
 */
held_ms: number, 
/**
 * The caller's speech that is lost because more was said than can be kept, in ms.
 */
overflow_ms: number, 
/**
 * Until the call ends because the connection did not come back, in ms.
 */
gives_up_in_ms: number, } | { "health": "catching_up", 
/**
 * What is still to be sent, in ms of speech; grows by what is said meanwhile.
 */
left_ms: number, 
/**
 * What was held when the connection came back, in ms of speech.
 */
total_ms: number, } | { "health": "resumed", 
/**
 * What the loss of the connection cost.
 */
lost: Lost, };

/**
 * What is being done about a connection that is gone.
 */
export type ReconnectStep = { "doing": "waiting", 
/**
 * Until then, in ms.
 */
retry_in_ms: number, } | { "doing": "connecting" } | { "doing": "offline" } | { "doing": "pausing", 
/**
 * Until the next attempt, in ms.
 */
retry_in_ms: number, };

/**
 * Why a connection went, or why it could not be made again.
 */
export type DropCause = "connection_lost" | "silent" | "network_down" | "network_changed" | "woke_up" | "server_restarting" | "server_busy" | "server_fault" | "server_unstable" | "token_expired" | "token_service" | "signed_out" | "unreachable";

/**
 * What never arrived because the connection was gone.
 */
export type Lost = { 
/**
 * Speech of the caller that the agent did not get, in ms.
 */
caller_ms: number, 
/**
 * Speech of the agent that the caller did not get, in ms.
 */
agent_ms: number, 
/**
 * Whether an answer of the agent broke off; how much more there was of it nobody knows.
 */
answer: boolean, };

/**
 * What the agent is doing, as far as the wire tells.
 */
export type Activity = "listening" | "hearing" | "thinking" | "speaking";

/**
 * Counters of one call.
 */
export type Stats = { 
/**
 * From the click to the open session, in ms.
 */
connected_ms: number | null, 
/**
 * From the end of the caller's last utterance to the first sample of the answer at the
 * speaker, in ms.
 */
answer_ms: number | null, 
/**
 * 20 ms frames of the caller's audio given to the line.
 */
frames_sent: number, 
/**
 * 20 ms frames' worth of the agent's audio received.
 */
frames_received: number, 
/**
 * Times the speaker ran out of the agent's audio in the middle of an utterance.
 */
underruns: number, 
/**
 * 20 ms frames' worth of audio, of either side, dropped inside this program.
 */
frames_lost: number, 
/**
 * Times the connection was lost in mid-call, whether or not it came back.
 */
reconnects: number, 
/**
 * Speech of the caller that never reached the agent because the connection was gone, in ms.
 */
caller_lost_ms: number, 
/**
 * Speech of the agent that never reached the caller because the connection was gone, in ms.
 */
agent_lost_ms: number, 
/**
 * Answers of the agent that broke off with the connection; how much more there was of them
 * nobody knows.
 */
answers_lost: number, };

/**
 * Why a call ended.
 */
export type EndReason = { "why": "hung_up" } | { "why": "far_end" } | { "why": "taken_over" } | { "why": "failed", 
/**
 * What happened and who can do something about it.
 */
problem: Problem, };

/**
 * Something that went wrong: what happened, with what a sentence about it needs.
 */
export type Problem = { "code": "no_microphone" } | { "code": "no_speaker" } | { "code": "microphone_denied" } | { "code": "device_unusable", 
/**
 * The device.
 */
device: string, 
/**
 * What the system said.
 */
detail: string, } | { "code": "sound_system_gone" } | { "code": "device_unknown", 
/**
 * What was asked for.
 */
device: string, } | { "code": "device_gone", 
/**
 * The device that went.
 */
device: string, } | { "code": "sound_file", 
/**
 * The file.
 */
path: string, 
/**
 * Why.
 */
detail: string, } | { "code": "bad_address", 
/**
 * What was given.
 */
address: string, 
/**
 * Why.
 */
detail: string, } | { "code": "agent_unknown", 
/**
 * What was asked for.
 */
agent: string, } | { "code": "not_authorised", 
/**
 * The server.
 */
host: string, 
/**
 * What it said.
 */
detail: string, } | { "code": "sign_in_needed", 
/**
 * The server.
 */
host: string, } | { "code": "no_keyring", 
/**
 * What the system said.
 */
detail: string, } | { "code": "keyring_locked" } | { "code": "keyring_unanswered" } | { "code": "secret_damaged", 
/**
 * The entry or the file.
 */
name: string, } | { "code": "wrong_passphrase" } | { "code": "secret_file", 
/**
 * The file.
 */
path: string, 
/**
 * What the system said.
 */
detail: string, } | { "code": "secrets_failed", 
/**
 * What it said.
 */
detail: string, } | { "code": "sign_in_denied", 
/**
 * What the provider said.
 */
detail: string, } | { "code": "sign_in_expired" } | { "code": "sign_in_no_device" } | { "code": "sign_in_failed", 
/**
 * Why, as a sentence without a full stop.
 */
detail: string, } | { "code": "key_refused", 
/**
 * The server.
 */
host: string, 
/**
 * What it said.
 */
detail: string, } | { "code": "not_a_bridge", 
/**
 * The server.
 */
host: string, } | { "code": "profiles_damaged", 
/**
 * Where it is now.
 */
path: string, } | { "code": "profiles_not_kept", 
/**
 * What the system said.
 */
detail: string, } | { "code": "no_credential", 
/**
 * Why, as a sentence.
 */
detail: string, } | { "code": "revoked", 
/**
 * The server.
 */
host: string, } | { "code": "host_unknown", 
/**
 * The host.
 */
host: string, } | { "code": "unreachable", 
/**
 * The host and port.
 */
host: string, 
/**
 * What the system said.
 */
detail: string, } | { "code": "untrusted", 
/**
 * The host.
 */
host: string, 
/**
 * What is wrong with it.
 */
detail: string, } | { "code": "timed_out", 
/**
 * The host.
 */
host: string, 
/**
 * The limit, in seconds.
 */
seconds: number, } | { "code": "connection_lost", 
/**
 * What ended it.
 */
detail: string, } | { "code": "gave_up", 
/**
 * How long it was tried, in seconds.
 */
seconds: number, 
/**
 * Why the last attempt failed.
 */
cause: DropCause, } | { "code": "refused", 
/**
 * The HTTP status.
 */
status: number, 
/**
 * What it said.
 */
detail: string, } | { "code": "busy", 
/**
 * When to try again, in seconds, where it said so.
 */
retry_after_s: number | null, } | { "code": "closed_by_server", 
/**
 * The WebSocket close code.
 */
close_code: number, 
/**
 * The close reason, or the error the server sent before it.
 */
detail: string, } | { "code": "bad_message", 
/**
 * What is wrong with it.
 */
detail: string, } | { "code": "message_too_big", 
/**
 * The limit, in bytes.
 */
limit: number, } | { "code": "internal", 
/**
 * What to report.
 */
detail: string, };

/**
 * One kind of device: what there is, what was chosen, what is in use.
 */
export type DevicePicker = { 
/**
 * What the system offers, in its order.
 */
available: Array<Device>, 
/**
 * What the user chose.
 */
choice: DeviceChoice, 
/**
 * The name of what a call uses right now; none outside a call.
 */
in_use: string | null, };

/**
 * A microphone or a speaker.
 */
export type Device = { 
/**
 * Stable for as long as the device is plugged in; what a choice refers to.
 */
id: string, 
/**
 * The system's name for it.
 */
name: string, 
/**
 * Whether the system uses it when nothing is chosen.
 */
is_default: boolean, };

/**
 * Which device to use.
 */
export type DeviceChoice = { "kind": "system_default" } | { "kind": "device", 
/**
 * [`Device::id`].
 */
id: string, };

/**
 * One line of the conversation.
 */
export type TranscriptEntry = { 
/**
 * The conversation item's id.
 */
id: string, 
/**
 * The item it follows; none for the first. Conversation order is this chain, not arrival.
 */
after: string | null, 
/**
 * Who said it.
 */
speaker: Party, 
/**
 * What was said, as far as it is known; for an interrupted agent only the part that was
 * heard. Empty where there is no transcription (`spoken_ms` then says how long it was).
 */
text: string, 
/**
 * What an interrupted agent meant to say after the caller stopped hearing it.
 */
unheard: string, 
/**
 * Whether more will come.
 */
status: EntryStatus, 
/**
 * Length of the caller's utterance in ms, for speech without transcription.
 */
spoken_ms: number | null, };

/**
 * Who said a line of the conversation.
 */
export type Party = "caller" | "agent";

/**
 * Whether a line of the conversation is finished.
 */
export type EntryStatus = "growing" | "complete" | "interrupted" | "broken_off";

/**
 * What a subscriber receives, in order.
 *
 * A new subscriber gets a directory, a snapshot, then `TranscriptCleared`, then an `Transcript` for every line
 * so far, and from then on what changes.
 */
export type Message = { "type": "snapshot", "value": Snapshot } | { "type": "directory", "value": Directory } | { "type": "meters", "value": Meters } | { "type": "transcript_cleared" } | { "type": "transcript", "value": TranscriptEntry } | { "type": "transcript_delta", "value": { 
/**
 * [`TranscriptEntry::id`].
 */
id: string, 
/**
 * The text to append.
 */
delta: string, } } | { "type": "microphone_file_ended" };

/**
 * Levels and the call's clock.
 */
export type Meters = { 
/**
 * How long the line has been up, in ms; 0 before that.
 */
elapsed_ms: number, 
/**
 * The microphone's level in dBFS (root mean square over the last period), -90 for silence.
 * Measured before mute, so that a muted user still sees it move.
 */
microphone_db: number, 
/**
 * The level of what is played, in dBFS.
 */
speaker_db: number, };

/**
 * What a user wants. Idempotent, answered by a later snapshot, never by a return value.
 */
export type Intent = { "do": "call", 
/**
 * [`Agent::id`].
 */
agent: string, } | { "do": "hang_up" } | { "do": "dismiss_summary" } | { "do": "dismiss_notice" } | { "do": "set_muted", 
/**
 * The state wanted.
 */
muted: boolean, } | { "do": "retry_now" } | { "do": "interrupt" } | { "do": "send_text", 
/**
 * Made by the sender, at most 32 characters; the same id twice is sent once.
 */
id: string, 
/**
 * What to say.
 */
text: string, } | { "do": "choose_microphone", 
/**
 * The choice.
 */
choice: DeviceChoice, } | { "do": "choose_speaker", 
/**
 * The choice.
 */
choice: DeviceChoice, } | { "do": "account", 
/**
 * What.
 */
intent: AccountIntent, };

/**
 * Who can be called, where, and as whom.
 */
export type Directory = { 
/**
 * Where calls can go. The first is the agent inside Offhook.
 */
profiles: Array<Profile>, 
/**
 * [`Profile::id`] of the one that is looked at.
 */
chosen: string, 
/**
 * Who can be called there; favourites first.
 */
agents: Array<Agent>, 
/**
 * Whether those are all.
 */
listing: Listing, 
/**
 * The last calls, of all profiles, the newest first; ten at most.
 */
recent: Array<Recent>, 
/**
 * Where secrets are kept.
 */
secrets: Secrets, 
/**
 * What becomes of a profile that is being added or changed.
 */
adding: Adding, };

/**
 * Where calls can go, and who the user is there.
 */
export type Profile = { 
/**
 * Stable; what intents refer to.
 */
id: string, 
/**
 * What people call it. Data, not translated; empty for the built-in agent's.
 */
name: string, 
/**
 * What is there.
 */
kind: ProfileKind, 
/**
 * Who the user is there.
 */
account: Account, };

/**
 * What is at the other end.
 */
export type ProfileKind = { "kind": "built_in" } | { "kind": "organisation", 
/**
 * Its address.
 */
url: string, } | { "kind": "direct", 
/**
 * Its address.
 */
url: string, 
/**
 * The model (Azure OpenAI: the deployment).
 */
model: string, 
/**
 * Where the key goes.
 */
header: KeyHeader, };

/**
 * The header that an API key goes into.
 */
export type KeyHeader = "authorization" | "api_key";

/**
 * Who the user is at a profile.
 */
export type Account = { "state": "not_needed" } | { "state": "unknown" } | { "state": "unavailable", 
/**
 * Why.
 */
problem: Problem, } | { "state": "signed_out", 
/**
 * Why the last try came to nothing, if there was one.
 */
problem: Problem | null, } | { "state": "starting" } | { "state": "waiting_for_browser", 
/**
 * The page, for a browser that did not open.
 */
url: string, 
/**
 * Whether the browser was opened, as far as the system says.
 */
opened: boolean, } | { "state": "waiting_for_device", 
/**
 * What to type there.
 */
code: string, 
/**
 * Where.
 */
url: string, 
/**
 * The same with the code in it.
 */
qr: QrCode | null, 
/**
 * How long the code is good from when this was published, in ms.
 */
expires_in_ms: number, } | { "state": "signed_in", 
/**
 * As whom: a name, or what the provider calls the user.
 */
name: string, 
/**
 * The address, if the provider tells it.
 */
email: string | null, } | { "state": "ended", 
/**
 * As whom: a name, or what the provider calls the user.
 */
name: string, } | { "state": "key" } | { "state": "no_key" };

/**
 * A QR code, without the quiet zone of four modules around it.
 */
export type QrCode = { 
/**
 * Modules on a side.
 */
size: number, 
/**
 * Row by row, `#` for a dark module and a space for a light one.
 */
modules: string, };

/**
 * How complete the list of agents is.
 */
export type Listing = { "state": "complete" } | { "state": "loading" } | { "state": "sign_in_first" } | { "state": "failed", 
/**
 * Why.
 */
problem: Problem, };

/**
 * A call that was made.
 */
export type Recent = { 
/**
 * [`Profile::id`].
 */
profile: string, 
/**
 * [`Agent::id`].
 */
agent: string, 
/**
 * What the agent was called.
 */
name: string, 
/**
 * When it began, in s since the Unix epoch.
 */
at_s: number, 
/**
 * How long the line was up, in ms; 0 if it never was.
 */
duration_ms: number, 
/**
 * Whether it failed.
 */
failed: boolean, };

/**
 * Where secrets are kept.
 */
export type Secrets = { "state": "opening" } | { "state": "kept", 
/**
 * Where.
 */
place: SecretPlace, } | { "state": "unavailable", 
/**
 * Why.
 */
problem: Problem, };

/**
 * A place for secrets.
 */
export type SecretPlace = "system" | "file" | "memory";

/**
 * What becomes of a profile that is being added or changed.
 */
export type Adding = { "state": "idle" } | { "state": "checking" } | { "state": "done", 
/**
 * [`Profile::id`].
 */
profile: string, } | { "state": "failed", 
/**
 * Why.
 */
problem: Problem, };

/**
 * A secret that somebody typed. Goes in, and never comes out: it shows in no `Debug` output, and
 * writes itself as nothing.
 */
export type Secret = string;

/**
 * A way to sign in.
 */
export type SignInWay = "browser" | "device";

/**
 * A wish about profiles and accounts.
 */
export type AccountIntent = { "what": "choose", 
/**
 * [`Profile::id`].
 */
profile: string, } | { "what": "add_organisation", 
/**
 * Its address.
 */
url: string, } | { "what": "add_direct", 
/**
 * What to call it.
 */
name: string, 
/**
 * Its address.
 */
url: string, 
/**
 * The model.
 */
model: string, 
/**
 * Where the key goes.
 */
header: KeyHeader, 
/**
 * The key.
 */
key: Secret, } | { "what": "replace_key", 
/**
 * [`Profile::id`].
 */
profile: string, 
/**
 * The key.
 */
key: Secret, } | { "what": "stop_adding" } | { "what": "remove", 
/**
 * [`Profile::id`].
 */
profile: string, } | { "what": "sign_in", 
/**
 * [`Profile::id`].
 */
profile: string, 
/**
 * How.
 */
way: SignInWay, } | { "what": "open_browser", 
/**
 * [`Profile::id`].
 */
profile: string, } | { "what": "cancel_sign_in", 
/**
 * [`Profile::id`].
 */
profile: string, } | { "what": "sign_out", 
/**
 * [`Profile::id`].
 */
profile: string, } | { "what": "set_favourite", 
/**
 * [`Agent::id`].
 */
agent: string, 
/**
 * The state wanted.
 */
favourite: boolean, } | { "what": "refresh" } | { "what": "keep_secrets", 
/**
 * The place.
 */
place: SecretPlace, 
/**
 * The passphrase, for a file.
 */
passphrase: Secret | null, };

