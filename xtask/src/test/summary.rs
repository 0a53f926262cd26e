//! What a developer reads at the end: which stage failed, the end of its log, and the counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::stage::Stage;
use super::tally::Tally;
use crate::clock::spoken;
use crate::{paths, say};

/// How much of a failed stage's log is shown, in lines.
const TAIL: usize = 40;

/// What became of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    /// Stopped at its time limit.
    OverTime,
    /// Stopped by the developer.
    Interrupted,
    /// Not run, because this stage before it did not pass.
    Skipped(&'static str),
}

/// How one stage went.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) stage: String,
    pub(super) verdict: Verdict,
    pub(super) tally: Tally,
    pub(super) took: Duration,
    pub(super) log: PathBuf,
}

impl Report {
    /// A stage that came to no count of tests.
    pub(super) fn ended(stage: &Stage, verdict: Verdict, log: &Path) -> Self {
        Self {
            stage: stage.name.clone(),
            verdict,
            tally: Tally::default(),
            took: Duration::ZERO,
            log: log.to_owned(),
        }
    }

    /// The verdict, the time and the count, as in `ok 41 s, 212 passed`.
    pub(super) fn line(&self) -> String {
        let took = spoken(self.took);
        let verdict = match self.verdict {
            Verdict::Passed => format!("ok {took}"),
            Verdict::Failed => format!("FAILED {took}"),
            Verdict::OverTime => format!("FAILED, stopped after {took}"),
            Verdict::Interrupted => format!("interrupted after {took}"),
            Verdict::Skipped(need) => return format!("skipped, because {need} did not pass"),
        };
        let Tally {
            passed,
            failed,
            ignored,
        } = self.tally;
        let counts =
            [(passed, "passed"), (failed, "failed"), (ignored, "ignored")].map(|(count, word)| {
                if count > 0 {
                    format!(", {count} {word}")
                } else {
                    String::new()
                }
            });
        verdict + &counts.concat()
    }

    /// The tests that passed and failed. A stage that failed without naming a test counts as one
    /// failure, so that "0 failed" is never followed by a bad exit code.
    fn counted(&self) -> Tally {
        let failed = match self.verdict {
            Verdict::Passed | Verdict::Skipped(_) => self.tally.failed,
            _ => self.tally.failed.max(1),
        };
        Tally {
            failed,
            ..self.tally
        }
    }
}

/// Prints the summary; the exit code is 0 only if every stage passed.
pub(super) fn summarise(reports: &[Report], took: Duration) -> ExitCode {
    let bad: Vec<&Report> = reports
        .iter()
        .filter(|report| report.verdict != Verdict::Passed)
        .collect();
    for report in &bad {
        if matches!(report.verdict, Verdict::Skipped(_)) {
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&report.log).unwrap_or_default()).into_owned();
        say::line(&format!(
            "\n--- {}: the last lines of its log",
            report.stage
        ));
        say::line(&tail(&text, TAIL));
        say::line(&format!(
            "--- {}: {}",
            report.stage,
            paths::shown(&report.log)
        ));
    }
    say::line("");
    for report in &bad {
        let log = match report.verdict {
            Verdict::Skipped(_) => String::new(),
            _ => format!(" ({})", paths::shown(&report.log)),
        };
        say::line(&format!("{}: {}{log}", report.stage, report.line()));
    }
    let passed = reports.len() - bad.len();
    say::line(&format!(
        "{passed} of {} stages passed in {}",
        reports.len(),
        spoken(took)
    ));
    let total = reports
        .iter()
        .map(Report::counted)
        .fold(Tally::default(), Tally::plus);
    say::line(&format!("{} passed, {} failed", total.passed, total.failed));
    if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict, passed: u32, failed: u32) -> Report {
        let tally = Tally {
            passed,
            failed,
            ignored: 0,
        };
        let took = Duration::from_secs(3);
        Report {
            stage: "unit".to_owned(),
            verdict,
            tally,
            took,
            log: PathBuf::new(),
        }
    }

    #[test]
    fn a_stage_that_failed_without_a_failing_test_counts_as_one() {
        assert_eq!(report(Verdict::Failed, 4, 0).counted().failed, 1);
        assert_eq!(report(Verdict::Failed, 4, 2).counted().failed, 2);
        assert_eq!(report(Verdict::OverTime, 0, 0).counted().failed, 1);
        assert_eq!(report(Verdict::Passed, 4, 0).counted().failed, 0);
        let skipped = report(Verdict::Skipped("build"), 0, 0);
        assert_eq!(
            skipped.counted().failed,
            0,
            "what it needed has been counted"
        );
    }

    #[test]
    fn the_line_says_verdict_time_and_counts() {
        assert_eq!(report(Verdict::Passed, 4, 0).line(), "ok 3 s, 4 passed");
        assert_eq!(
            report(Verdict::Failed, 4, 1).line(),
            "FAILED 3 s, 4 passed, 1 failed"
        );
    }

    #[test]
    fn the_tail_is_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 40), "a");
    }
}
