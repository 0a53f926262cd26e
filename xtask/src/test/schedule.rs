//! Which stage runs when: in their order, several at a time where all may have company.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::stage::Stage;
use super::summary::{Report, Verdict};

/// How many stages run side by side at most: most of them wait more than they compute.
const LANES: usize = 3;

/// What is to be done with a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Run,
    /// One that it builds on did not pass.
    Skip(&'static str),
}

/// Gives every stage its turn by `take`, and returns what became of each, in their order. Once
/// `take` says `None` no further one is begun.
pub(super) fn run<'s>(
    stages: &'s [Stage],
    take: impl Fn(&'s Stage, usize, Turn) -> Option<Report> + Sync,
) -> Vec<Report> {
    let board = Board {
        stages,
        state: Mutex::new(State {
            places: stages.iter().map(|_| Place::Waits).collect(),
            ended: false,
        }),
        changed: Condvar::new(),
    };
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                let _leaves = Leaves(&board);
                while let Some((index, turn)) = board.next() {
                    board.done(index, take(&stages[index], index, turn));
                }
            });
        }
    });
    let state = board.state.into_inner();
    let state = state.unwrap_or_else(PoisonError::into_inner);
    let reports = state.places.into_iter().filter_map(|place| match place {
        Place::Done(report) => Some(report),
        _ => None,
    });
    reports.collect()
}

struct Board<'s> {
    stages: &'s [Stage],
    state: Mutex<State>,
    changed: Condvar,
}

/// Whoever leaves in the middle of a stage, by a panic, keeps nobody waiting.
struct Leaves<'b, 's>(&'b Board<'s>);

impl Drop for Leaves<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.locked().ended = true;
            self.0.changed.notify_all();
        }
    }
}

struct State {
    places: Vec<Place>,
    ended: bool,
}

#[derive(Debug)]
enum Place {
    Waits,
    Runs,
    Done(Report),
}

impl Board<'_> {
    /// The next stage that may begin, waited for; `None` at the end.
    fn next(&self) -> Option<(usize, Turn)> {
        let mut state = self.locked();
        loop {
            if state.ended
                || !state
                    .places
                    .iter()
                    .any(|place| matches!(place, Place::Waits))
            {
                return None;
            }
            if let Some((index, turn)) = choose(self.stages, &state.places) {
                state.places[index] = Place::Runs;
                return Some((index, turn));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, index: usize, report: Option<Report>) {
        let mut state = self.locked();
        match report {
            Some(report) => state.places[index] = Place::Done(report),
            None => state.ended = true,
        }
        self.changed.notify_all();
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first stage in their order that may begin. One that must be alone lets nothing overtake it.
fn choose(stages: &[Stage], places: &[Place]) -> Option<(usize, Turn)> {
    let running = |beside: bool| {
        let all = stages.iter().zip(places);
        all.filter(|(stage, place)| stage.beside == beside && matches!(place, Place::Runs))
            .count()
    };
    if running(false) > 0 {
        return None;
    }
    for (index, (stage, place)) in stages.iter().zip(places).enumerate() {
        if !matches!(place, Place::Waits) {
            continue;
        }
        match needs(stage, stages, places) {
            Needs::Broken(need) => return Some((index, Turn::Skip(need))),
            Needs::Met if stage.beside || running(true) == 0 => return Some((index, Turn::Run)),
            Needs::Open if stage.beside => {}
            Needs::Met | Needs::Open => return None,
        }
    }
    None
}

enum Needs {
    Met,
    /// Not all have ended.
    Open,
    Broken(&'static str),
}

/// Whether what this stage builds on has passed. What is not part of the run counts as passed.
fn needs(stage: &Stage, stages: &[Stage], places: &[Place]) -> Needs {
    let mut open = false;
    for need in stage.needs {
        let found = stages.iter().position(|other| other.name == *need);
        match found.map(|index| &places[index]) {
            None => {}
            Some(Place::Done(report)) if report.verdict == Verdict::Passed => {}
            Some(Place::Done(_)) => return Needs::Broken(need),
            Some(Place::Waits | Place::Runs) => open = true,
        }
    }
    if open { Needs::Open } else { Needs::Met }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use super::*;

    fn stage(name: &str, needs: &'static [&'static str]) -> Stage {
        Stage::check(name, "", 0, Vec::new).after(needs)
    }

    fn report(stage: &Stage, verdict: Verdict) -> Report {
        Report::ended(stage, verdict, Path::new("x"))
    }

    /// Runs the stages, of which `broken` fails; says what became of each.
    fn verdicts(stages: &[Stage], broken: &str) -> Vec<Verdict> {
        let reports = run(stages, |stage, _, turn| {
            Some(match turn {
                Turn::Skip(need) => report(stage, Verdict::Skipped(need)),
                Turn::Run if stage.name == broken => report(stage, Verdict::Failed),
                Turn::Run => report(stage, Verdict::Passed),
            })
        });
        reports.iter().map(|report| report.verdict).collect()
    }

    #[test]
    fn a_stage_whose_need_failed_is_skipped_and_so_is_what_needs_it() {
        let stages = [
            stage("ui-build", &[]),
            stage("fmt", &[]).beside(),
            stage("build", &["ui-build"]),
            stage("calls", &["build"]).beside(),
        ];
        assert_eq!(
            verdicts(&stages, "ui-build"),
            [
                Verdict::Failed,
                Verdict::Passed,
                Verdict::Skipped("ui-build"),
                Verdict::Skipped("build"),
            ]
        );
        assert_eq!(
            verdicts(&stages[3..], "ui-build"),
            [Verdict::Passed],
            "run alone by --only"
        );
    }

    #[test]
    fn two_that_may_have_company_run_at_once() {
        let stages = [stage("one", &[]).beside(), stage("two", &[]).beside()];
        let (to_two, at_two) = sync_channel(1);
        let (to_one, at_one) = sync_channel(1);
        let ends = Mutex::new([Some((to_two, at_one)), Some((to_one, at_two))]);
        let reports = run(&stages, |stage, index, _| {
            let (sender, receiver) = ends.lock().unwrap()[index].take()?;
            sender.send(()).unwrap();
            let met = receiver.recv_timeout(Duration::from_secs(30)).is_ok();
            let verdict = if met {
                Verdict::Passed
            } else {
                Verdict::Failed
            };
            Some(report(stage, verdict))
        });
        assert!(
            reports
                .iter()
                .all(|report| report.verdict == Verdict::Passed)
        );
        assert_eq!(reports.len(), 2);
    }

    #[test]
    fn one_that_measures_runs_alone_and_is_not_overtaken() {
        let stages = [
            stage("unit", &[]).beside(),
            stage("calls", &[]),
            stage("vault", &[]).beside(),
        ];
        let places = |first| vec![first, Place::Waits, Place::Waits];
        let done = Place::Done(report(&stages[0], Verdict::Passed));
        assert_eq!(choose(&stages, &places(Place::Runs)), None);
        assert_eq!(choose(&stages, &places(done)), Some((1, Turn::Run)));
        let calls = vec![Place::Waits, Place::Runs, Place::Waits];
        assert_eq!(choose(&stages, &calls), None, "nothing begins beside it");
    }

    #[test]
    fn a_lane_that_panics_keeps_nobody_waiting() {
        let stages = [stage("one", &[]), stage("two", &[])];
        let run = || run(&stages, |_, _, _| panic!("as asked for"));
        let panicked = catch_unwind(AssertUnwindSafe(run));
        assert!(panicked.is_err());
    }

    #[test]
    fn after_the_developer_has_had_enough_nothing_begins() {
        let stages = [stage("one", &[]), stage("two", &[])];
        assert!(run(&stages, |_, _, _| None).is_empty());
    }
}
