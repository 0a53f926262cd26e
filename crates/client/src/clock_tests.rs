//! Clocks compared by numbers, and read on this machine.

use std::process::Command;

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A machine that was up for `boot` s, `asleep` of them sleeping, whose time of day is `wall`.
fn reading(boot: u64, asleep: u64, wall: u64) -> Reading {
    Reading {
        boot: s(boot),
        awake: Some(s(boot - asleep)),
        wall: s(wall),
    }
}

fn blind(boot: u64, wall: u64) -> Reading {
    Reading {
        awake: None,
        ..reading(boot, 0, wall)
    }
}

#[test]
fn time_that_passes_is_no_change() {
    let mut seen = Seen::new(reading(100, 10, 5000));
    for second in 1..100 {
        assert_eq!(seen.look(reading(100 + second, 10, 5000 + second)), None);
    }
    // Neither is a process that was stopped, or starved.
    assert_eq!(seen.look(reading(1000, 10, 5900)), None);
}

#[test]
fn sleep_is_told_once_with_its_length() {
    let mut seen = Seen::new(reading(100, 10, 5000));
    assert_eq!(
        seen.look(reading(3701, 3610, 8601)),
        Some(ClockChange::Slept(s(3600)))
    );
    assert_eq!(seen.look(reading(3702, 3610, 8602)), None);
}

#[test]
fn sleep_of_a_second_or_less_is_none() {
    let mut seen = Seen::new(reading(100, 10, 5000));
    assert_eq!(seen.look(reading(102, 11, 5002)), None);
}

#[test]
fn without_a_clock_that_stands_still_sleep_shows_in_a_late_look() {
    let mut seen = Seen::new(blind(100, 5000));
    assert_eq!(seen.look(blind(101, 5001)), None);
    assert_eq!(seen.look(blind(106, 5006)), None);
    assert_eq!(
        seen.look(blind(707, 5607)),
        Some(ClockChange::Slept(s(600)))
    );
    assert_eq!(seen.look(blind(708, 5608)), None);
}

#[test]
fn a_time_of_day_that_is_set_is_told_in_both_directions() {
    let mut seen = Seen::new(reading(100, 0, 5000));
    let jumped = Some(ClockChange::WallClockJumped);
    assert_eq!(seen.look(reading(101, 0, 5004)), jumped);
    assert_eq!(seen.look(reading(102, 0, 5005)), None);
    assert_eq!(seen.look(reading(103, 0, 0)), jumped);
    assert_eq!(seen.look(reading(104, 0, 3)), None, "2 s are slewing");
}

#[test]
fn slow_drift_never_adds_up_to_a_jump() {
    let mut seen = Seen::new(reading(0, 0, 0));
    for second in 1..100 {
        assert_eq!(seen.look(reading(second, 0, 2 * second)), None);
    }
}

#[test]
fn a_jump_behind_a_sleep_is_not_lost() {
    let mut seen = Seen::new(reading(100, 0, 5000));
    let woke = reading(200, 99, 9000);
    assert_eq!(seen.look(woke), Some(ClockChange::Slept(s(99))));
    assert_eq!(
        seen.look(reading(201, 99, 9001)),
        Some(ClockChange::WallClockJumped)
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_dropped_again_and_again_still_looks() {
    let mut boot = 100;
    let mut watch = ClockWatch::reading(move || {
        boot += 1;
        reading(boot, if boot > 105 { 50 } else { 0 }, boot)
    });
    for _ in 0..1000 {
        if let Ok(change) =
            tokio::time::timeout(Duration::from_millis(20), watch.next_change()).await
        {
            return assert_eq!(change, ClockChange::Slept(s(50)));
        }
    }
    panic!("20 s went by without a look");
}

#[tokio::test]
async fn waiting_ends_on_time() {
    let clock = Clock::start();
    let until = Time::from_start(Duration::from_millis(50));
    clock.sleep_until(until).await;
    assert!(clock.now() >= until);
    clock.sleep_until(Time::ZERO).await;
}

const OFFSET: u64 = 1_000_000;

/// Linux can give processes of their own an offset between the clocks, as if the machine had slept.
#[test]
#[cfg(target_os = "linux")]
fn sleep_counts_on_the_clock_that_is_read() {
    let offset = OFFSET.to_string();
    let unshare = |command: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--time", "--fork", "--boottime", &offset, command]);
        unshare
    };
    if !unshare("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: no time namespace may be made here");
        return;
    }
    let ours = std::env::current_exe().expect("it runs");
    let child = unshare(&ours.display().to_string())
        .args(["--exact", "clock::tests::child_prints", "--ignored"])
        .arg("--nocapture")
        .output()
        .expect("it starts");
    let out = String::from_utf8_lossy(&child.stdout);
    let says = |name| {
        let (_, rest) = out.split_once(name).expect("it prints");
        let (number, _) = rest.split_once(';').expect("it prints numbers");
        number.parse::<u64>().expect("whole seconds")
    };
    let now = Reading::now();
    let later = says("boot=") - now.boot.as_secs();
    assert!((OFFSET..OFFSET + 60).contains(&later), "{later}");
    assert!(says("awake=") < 60, "counted from the process's start");
}

#[test]
#[ignore = "run by another test, in a namespace"]
fn child_prints() {
    let now = Reading::now();
    let awake = now.awake.expect("Linux has it").as_secs();
    println!("boot={};awake={awake};", now.boot.as_secs());
}
