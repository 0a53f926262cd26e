//! A line that goes and comes back: what is shown of it, what it cost, what the user can do.

use std::time::Duration;

use offhook_client::proto::Time;
use offhook_client::proto::client::{Cause, Direction, Doing, End, State, Step};
use offhook_phone::model::{Effect, Input};
use offhook_phone::{
    Call, DropCause, EndReason, EntryStatus, Intent, Line, Lost, Message, ReconnectStep,
};

use crate::harness::Phone;

const GOOD: Line = Line::Good {
    round_trip_ms: None,
};

fn lost(caller_ms: u32, agent_ms: u32, answer: bool) -> Line {
    Line::Resumed {
        lost: Lost {
            caller_ms,
            agent_ms,
            answer,
        },
    }
}

#[test]
fn a_line_that_is_gone_shows_why_and_how_long_everything_takes() {
    let mut phone = Phone::live();
    phone.line_goes(Cause::ServerRestarting, 1, 4000);
    phone.caller_says(3000, 25);
    phone.waits(500);
    assert_eq!(
        phone.line(),
        Line::Reconnecting {
            cause: DropCause::ServerRestarting,
            attempt: 1,
            step: ReconnectStep::Waiting { retry_in_ms: 3500 },
            held_ms: 500,
            overflow_ms: 0,
            gives_up_in_ms: 119_500,
        }
    );
    for (doing, step) in [
        (Doing::Trying(Step::Connecting), ReconnectStep::Connecting),
        (
            Doing::Offline {
                until: phone.driver_time(5000),
            },
            ReconnectStep::Offline,
        ),
        (
            Doing::Pausing {
                until: phone.driver_time(30_000),
            },
            ReconnectStep::Pausing {
                retry_in_ms: 30_000,
            },
        ),
    ] {
        phone.state(State::Reconnecting {
            cause: Cause::Silent,
            attempt: 2,
            doing,
            gives_up_at: phone.driver_time(60_000),
        });
        let Line::Reconnecting { step: shown, .. } = phone.line() else {
            panic!("{:?}", phone.line())
        };
        assert_eq!(shown, step);
    }
    assert_eq!(phone.stats().reconnects, 1, "it went once");
}

#[test]
fn what_is_said_while_the_line_is_gone_goes_to_the_driver_which_holds_it() {
    let mut phone = Phone::live();
    phone.line_goes(Cause::Dropped, 1, 100);
    phone.did.clear();
    phone.caller_says(3000, 3);
    let audio = phone.did.iter();
    let audio = audio.filter(|effect| matches!(effect, Effect::SendAudio(_)));
    assert_eq!(audio.count(), 3);
}

#[test]
fn silence_of_a_muted_microphone_is_not_speech_that_is_held() {
    let mut phone = Phone::live();
    phone.line_goes(Cause::Dropped, 1, 100);
    phone.caller_says(3000, 50);
    phone.want(Intent::SetMuted { muted: true });
    phone.caller_says(0, 50);
    phone.waits(2000);
    let Line::Reconnecting { held_ms, .. } = phone.line() else {
        panic!("{:?}", phone.line())
    };
    assert_eq!(held_ms, 1000);
}

#[test]
fn a_countdown_is_not_told_more_often_than_a_screen_needs() {
    let mut phone = Phone::live();
    phone.line_goes(Cause::Dropped, 1, 30_000);
    phone.did.clear();
    phone.caller_says(0, 100);
    let snapshots = phone.did.iter();
    let snapshots =
        snapshots.filter(|effect| matches!(effect, Effect::Publish(Message::Snapshot(_))));
    let snapshots = snapshots.count();
    assert!((3..=5).contains(&snapshots), "{snapshots} in two seconds");
}

#[test]
fn a_line_that_is_back_says_so_for_two_seconds() {
    let mut phone = Phone::live();
    phone.line_goes(Cause::Dropped, 1, 100);
    assert_eq!(phone.model.deadline(), None);
    phone.wait(1000);
    phone.line_is_back(true, false);
    let (left, total) = (Duration::from_millis(400), Duration::from_millis(1000));
    phone.state(State::CatchingUp { left, total });
    assert_eq!(
        phone.line(),
        Line::CatchingUp {
            left_ms: 400,
            total_ms: 1000
        }
    );
    phone.line_is(false);
    assert_eq!(phone.line(), lost(0, 0, false));
    let until = phone.now + Duration::from_secs(2);
    assert_eq!(phone.model.deadline(), Some(until));
    phone.wait(1999);
    phone.tell(Input::Tick);
    assert_eq!(phone.line(), lost(0, 0, false));
    phone.wait(1);
    phone.did.clear();
    phone.tell(Input::Tick);
    assert_eq!(phone.line(), GOOD);
    assert_eq!(phone.model.deadline(), None);
    let published = |effect: &Effect| matches!(effect, Effect::Publish(Message::Snapshot(_)));
    assert!(phone.did.iter().any(published), "{:?}", phone.did);
    assert_eq!(
        phone.sent(),
        [""; 0],
        "a session that goes on needs nothing"
    );
}

#[test]
fn what_a_loss_cost_is_shown_and_counted() {
    let mut phone = Phone::live();
    phone.line_goes(Cause::NetworkDown, 1, 100);
    phone.is_lost(Direction::Input, 0, 300);
    phone.is_lost(Direction::Input, 300, 340);
    let Line::Reconnecting { overflow_ms, .. } = phone.line() else {
        panic!("{:?}", phone.line())
    };
    assert_eq!(overflow_ms, 340);
    phone.line_is_back(true, false);
    phone.line_is(false);
    // The server says what it lost once the line is back.
    phone.is_lost(Direction::Output, 1000, 2300);
    assert_eq!(phone.line(), lost(340, 1300, false));
    phone.wait(3000);
    phone.tell(Input::Tick);
    phone.line_goes(Cause::NetworkDown, 1, 100);
    phone.line_is_back(true, false);
    phone.line_is(false);
    assert_eq!(phone.line(), lost(0, 0, false), "that was another loss");
    let stats = phone.stats();
    assert_eq!(
        (stats.reconnects, stats.caller_lost_ms, stats.agent_lost_ms),
        (2, 340, 1300)
    );
    assert_eq!(stats.frames_lost, 0, "that is what this program lost");
}

#[test]
fn a_line_that_goes_again_before_it_was_shown_to_be_back_adds_to_its_cost() {
    let mut phone = Phone::live();
    phone.line_goes(Cause::Dropped, 1, 100);
    phone.is_lost(Direction::Input, 0, 100);
    phone.line_is_back(true, false);
    let (left, total) = (Duration::from_secs(1), Duration::from_secs(1));
    phone.state(State::CatchingUp { left, total });
    phone.line_goes(Cause::Dropped, 1, 100);
    phone.is_lost(Direction::Input, 100, 150);
    phone.line_is_back(true, false);
    phone.line_is(false);
    assert_eq!(phone.line(), lost(150, 0, false));
    assert_eq!(phone.stats().reconnects, 2);
}

#[test]
fn a_planned_hand_over_is_no_news_unless_it_costs_something() {
    let mut phone = Phone::live();
    let hand_over = |phone: &mut Phone| {
        let back = offhook_client::proto::client::Back {
            away: Duration::ZERO,
            resumed: false,
            answer_lost: false,
            input_from_ms: 0,
        };
        phone.tell(Input::Client(offhook_client::Event::Back(back)));
        phone.line_is(false);
    };
    hand_over(&mut phone);
    assert_eq!(phone.line(), GOOD);
    assert_eq!(phone.stats().reconnects, 0);
    phone.is_lost(Direction::Output, 700, 700);
    hand_over(&mut phone);
    assert_eq!(phone.line(), lost(0, 0, true));
    assert_eq!(phone.stats().answers_lost, 1);
}

#[test]
fn retrying_now_is_for_a_line_that_is_gone() {
    let mut phone = Phone::live();
    phone.want(Intent::RetryNow);
    assert!(!phone.did.contains(&Effect::RetryNow));
    phone.line_goes(Cause::Dropped, 1, 5000);
    phone.want(Intent::RetryNow);
    assert!(phone.did.contains(&Effect::RetryNow));
}

#[test]
fn mute_and_end_work_while_the_line_is_gone() {
    let mut phone = Phone::live();
    phone.line_goes(Cause::Dropped, 1, 5000);
    phone.want(Intent::SetMuted { muted: true });
    assert!(phone.did.contains(&Effect::SetMuted(true)));
    phone.want(Intent::HangUp);
    assert!(phone.did.contains(&Effect::HangUp) && phone.did.contains(&Effect::StopAudio));
    assert_eq!(phone.stats().reconnects, 1);
}

#[test]
fn a_line_that_is_given_up_ends_the_call_and_keeps_the_transcript() {
    let mut phone = Phone::hearing_the_agent();
    phone.line_goes(Cause::Unreachable, 9, 5000);
    phone.line_ends(End::GaveUp {
        after: Duration::from_secs(120),
        cause: Cause::Unreachable,
    });
    let Call::Ended { reason, .. } = phone.snapshot().call else {
        panic!("ended")
    };
    assert!(matches!(reason, EndReason::Failed { .. }), "{reason:?}");
    assert_eq!(phone.entry("a").status, EntryStatus::BrokenOff);
    assert_eq!(phone.entry("a").text, "one two three four");
}

#[test]
fn a_loss_before_the_line_is_up_is_counted_too() {
    let mut phone = Phone::dialling();
    phone.is_lost(Direction::Input, 0, 60);
    phone.line_is(false);
    assert_eq!(phone.stats().caller_lost_ms, 60);
    assert_eq!(phone.line(), GOOD);
    assert_eq!(phone.now, Time::ZERO);
}
