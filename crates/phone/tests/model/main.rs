//! The softphone's decisions, state by state: inputs and the time in, effects and a snapshot out.

mod accounts;
mod harness;
mod lines;
mod sessions;
mod turns;

use std::time::Duration;

use offhook_client::proto::Close;
use offhook_client::proto::client::{Cause, End, Failure, State, Step};
use offhook_phone::audio::{self, Event as Sound};
use offhook_phone::model::{Effect, Input};
use offhook_phone::{
    Activity, Call, DeviceChoice, DialStep, EndReason, EntryStatus, Intent, Line, Message, Problem,
};

use harness::Phone;

#[test]
fn a_click_starts_the_microphone_before_the_line() {
    let phone = Phone::dialling();
    let starts = phone
        .did
        .iter()
        .filter(|effect| !matches!(effect, Effect::Publish(_)));
    let starts: Vec<_> = starts.collect();
    assert!(matches!(starts[0], Effect::StartAudio(_)), "{starts:?}");
    assert!(
        matches!(&starts[1], Effect::Dial(entry) if entry.agent.id == "test"),
        "{starts:?}"
    );
    assert!(matches!(
        phone.snapshot().call,
        Call::Dialling {
            step: DialStep::Authorising,
            held_ms: 0,
            ..
        }
    ));
}

#[test]
fn a_second_click_calls_once() {
    let mut phone = Phone::dialling();
    phone.want(Intent::Call {
        agent: "test".to_owned(),
    });
    let dials = phone
        .did
        .iter()
        .filter(|effect| matches!(effect, Effect::Dial(_)));
    assert_eq!(dials.count(), 1);
}

#[test]
fn an_unknown_agent_is_said_and_not_called() {
    let mut phone = Phone::ready();
    phone.want(Intent::Call {
        agent: "nobody".to_owned(),
    });
    let snapshot = phone.snapshot();
    assert_eq!(snapshot.call, Call::Ready);
    assert_eq!(
        snapshot.notice,
        Some(Problem::AgentUnknown {
            agent: "nobody".to_owned()
        })
    );
    phone.want(Intent::DismissNotice);
    assert_eq!(phone.snapshot().notice, None);
}

#[test]
fn what_is_said_while_dialling_goes_to_the_line_which_holds_it() {
    let mut phone = Phone::dialling();
    phone.caller_says(3000, 5);
    let audio = phone.did.iter();
    let audio = audio.filter(|did| matches!(did, Effect::SendAudio(pcm) if pcm.len() == 480));
    assert_eq!(audio.count(), 5);
    phone.state(State::Dialling(Step::Opening));
    phone.wait(600);
    phone.waits(100);
    let call = phone.snapshot().call;
    assert!(matches!(
        call,
        Call::Dialling {
            step: DialStep::Opening,
            held_ms: 100,
            ..
        }
    ));
}

#[test]
fn a_line_that_is_up_asks_the_agent_to_speak_first() {
    let mut phone = Phone::dialling();
    phone.wait(300);
    phone.line_is(false);
    assert_eq!(phone.sent(), ["response.create"]);
    let Call::Live {
        stats, activity, ..
    } = phone.snapshot().call
    else {
        panic!("live")
    };
    assert_eq!(stats.connected_ms, Some(300));
    assert_eq!(activity, Activity::Thinking);
}

#[test]
fn a_weak_line_is_shown_and_recovers() {
    let mut phone = Phone::live();
    phone.line_is(true);
    assert_eq!(phone.line(), Line::Unstable);
    phone.line_is(false);
    assert_eq!(
        phone.line(),
        Line::Good {
            round_trip_ms: None
        }
    );
    assert_eq!(
        phone.sent(),
        [""; 0],
        "the agent is asked to speak once only"
    );
}

#[test]
fn mute_holds_across_calls_and_reaches_sound_whenever_it_starts() {
    let mut phone = Phone::ready();
    phone.want(Intent::SetMuted { muted: true });
    assert!(phone.snapshot().muted);
    phone.want(Intent::Call {
        agent: "test".to_owned(),
    });
    phone.did.clear();
    phone.tell(Input::AudioStarted);
    assert!(phone.did.contains(&Effect::SetMuted(true)));
    phone.want(Intent::SetMuted { muted: false });
    assert!(phone.did.contains(&Effect::SetMuted(false)));
}

#[test]
fn a_device_chosen_in_a_call_is_used_at_once() {
    let mut phone = Phone::live();
    let choice = DeviceChoice::Device {
        id: "usb".to_owned(),
    };
    phone.want(Intent::ChooseMicrophone {
        choice: choice.clone(),
    });
    let wanted = audio::Microphone::Device("usb".to_owned());
    assert!(phone.did.contains(&Effect::UseMicrophone(wanted)));
    assert_eq!(phone.snapshot().microphone.choice, choice);
    phone.sound(Sound::MicrophoneInUse {
        name: "USB".to_owned(),
    });
    assert_eq!(phone.snapshot().microphone.in_use.as_deref(), Some("USB"));
    phone.sound(Sound::MicrophoneGone {
        name: "USB".to_owned(),
    });
    let gone = Problem::DeviceGone {
        device: "USB".to_owned(),
    };
    assert_eq!(phone.snapshot().notice, Some(gone));
    assert!(
        matches!(phone.snapshot().call, Call::Live { .. }),
        "the call goes on"
    );
    phone.sound(Sound::MicrophoneInUse {
        name: "default".to_owned(),
    });
    assert!(phone.snapshot().notice.is_some(), "it is still gone");
    phone.sound(Sound::MicrophoneInUse {
        name: "USB".to_owned(),
    });
    assert_eq!(phone.snapshot().notice, None, "it is back");
}

#[test]
fn hanging_up_shows_the_summary_at_once_and_lets_go_of_everything() {
    let mut phone = Phone::hearing_the_agent();
    phone.wait(1000);
    phone.did.clear();
    phone.want(Intent::HangUp);
    let Call::Ended {
        reason,
        duration_ms,
        ..
    } = phone.snapshot().call
    else {
        panic!("ended")
    };
    assert_eq!((reason, duration_ms), (EndReason::HungUp, 1000));
    assert!(phone.did.contains(&Effect::HangUp) && phone.did.contains(&Effect::StopAudio));
    assert_eq!(phone.entry("a").status, EntryStatus::Interrupted);
    phone.did.clear();
    phone.line_ends(End::HungUp);
    phone.want(Intent::HangUp);
    assert!(phone.did.is_empty(), "{:?}", phone.did);
    phone.want(Intent::DismissSummary);
    assert_eq!(phone.snapshot().call, Call::Ready);
    assert_eq!(phone.model.transcript().count(), 0);
}

#[test]
fn every_way_a_line_ends_is_told() {
    let cases = [
        (End::FarEnd, None),
        (End::Failed(Failure::HostUnknown), Some("host_unknown")),
        (
            End::Closed {
                close: Close::new(Close::INTERNAL, "upstream.down"),
                error: None,
            },
            Some("closed_by_server"),
        ),
        (
            End::GaveUp {
                after: Duration::from_secs(120),
                cause: Cause::Silent,
            },
            Some("gave_up"),
        ),
        (End::Superseded, None),
        (End::TooBig { limit: 1 << 20 }, Some("message_too_big")),
    ];
    for (end, code) in cases {
        let mut phone = Phone::live();
        phone.line_ends(end);
        let Call::Ended { reason, .. } = phone.snapshot().call else {
            panic!("ended")
        };
        let told = serde_json::to_value(&reason).unwrap();
        assert_eq!(told["problem"]["code"].as_str(), code, "{told}");
        assert!(phone.did.contains(&Effect::StopAudio));
    }
}

#[test]
fn sound_that_cannot_start_ends_the_call_with_its_reason() {
    let mut phone = Phone::dialling();
    phone.tell(Input::AudioRefused(audio::Error::NoMicrophone));
    let Call::Ended { reason, .. } = phone.snapshot().call else {
        panic!("ended")
    };
    assert_eq!(
        reason,
        EndReason::Failed {
            problem: Problem::NoMicrophone
        }
    );
    assert!(phone.did.contains(&Effect::HangUp));
}

#[test]
fn counters_alone_do_not_redraw_the_screen_all_the_time() {
    let mut phone = Phone::live();
    phone.caller_says(0, 100);
    let snapshots = phone
        .did
        .iter()
        .filter(|effect| matches!(effect, Effect::Publish(Message::Snapshot(_))))
        .count();
    assert!((3..=5).contains(&snapshots), "{snapshots} in two seconds");
}

#[test]
fn a_snapshot_stays_small() {
    let mut phone = Phone::live();
    let devices = |kind: &str| {
        let device = |n| audio::Device {
            id: format!("alsa_{kind}.usb-Some_Very_Long_Vendor_Name-{n:02}.analog-stereo"),
            name: format!("Some Very Long Vendor Name Headset {n} Analog Stereo"),
            is_default: n == 0,
        };
        (0..16).map(device).collect()
    };
    phone.tell(Input::Devices(audio::Devices {
        microphones: devices("input"),
        speakers: devices("output"),
    }));
    let bytes = serde_json::to_string(&Message::Snapshot(Box::new(phone.snapshot()))).unwrap();
    assert!(bytes.len() < 8192, "{} bytes", bytes.len());
}
