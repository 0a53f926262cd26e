//! Counting tests in what cargo, Vitest and Playwright print.

/// How many tests passed, failed and were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u32,
    pub(super) failed: u32,
    pub(super) ignored: u32,
}

impl Tally {
    /// Adds up every summary line in a log.
    pub(super) fn of(log: &str) -> Self {
        let mut tally = Self::default();
        for line in log.lines() {
            let line = without_colours(line);
            if let Some(counts) = summary(line.trim()) {
                tally.add_counts(counts);
            }
        }
        tally
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }

    /// Adds counts such as `12 passed; 1 failed` or `1 failed | 11 passed (12)`.
    fn add_counts(&mut self, counts: &str) {
        let words: Vec<&str> = counts
            .split(|c: char| c.is_whitespace() || ";|,.".contains(c))
            .collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<u32>() else {
                continue;
            };
            match pair[1] {
                "passed" => self.passed += count,
                // A flaky test failed at least once.
                "failed" | "flaky" | "interrupted" => self.failed += count,
                "ignored" | "skipped" | "todo" => self.ignored += count,
                _ => {}
            }
        }
    }
}

/// The part of a line that counts, if this is a line that sums up.
fn summary(line: &str) -> Option<&str> {
    // cargo test: "test result: ok. 3 passed; 0 failed; 1 ignored; ..."
    if let Some(counts) = line.strip_prefix("test result: ") {
        return Some(counts);
    }
    // Vitest: "Tests  1 failed | 11 passed (12)"
    if let Some(counts) = line.strip_prefix("Tests  ") {
        return Some(counts);
    }
    // Playwright: "12 passed (3.4s)", "1 failed", "2 flaky", each on a line of its own
    let mut words = line.split_whitespace();
    let counts = words.next()?.parse::<u32>().is_ok();
    let verdict = words.next().is_some_and(|word| {
        ["passed", "failed", "flaky", "skipped", "interrupted"].contains(&word)
    });
    let nothing_else = words.next().is_none_or(|word| word.starts_with('('));
    (counts && verdict && nothing_else).then_some(line)
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or(part, |(_colour, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u32, failed: u32, ignored: u32) -> Tally {
        Tally {
            passed,
            failed,
            ignored,
        }
    }

    #[test]
    fn cargos_results_are_added_up() {
        let log = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; \
                   0 filtered out; finished in 0.00s\n\ntest result: FAILED. 3 passed; 1 failed; \
                   0 ignored; 0 measured; 5 filtered out; finished in 1.20s\n";
        assert_eq!(Tally::of(log), tally(5, 1, 1));
    }

    #[test]
    fn vitests_files_are_not_counted_as_tests() {
        let log = " Test Files  1 failed | 3 passed (4)\n      Tests  1 failed | 11 passed (12)\n";
        assert_eq!(Tally::of(log), tally(11, 1, 0));
    }

    #[test]
    fn playwrights_lines_are_read_with_and_without_colours() {
        let log = "  1 failed\n    [chromium] › call.spec.ts:3:1 › 2 passed through\n  \
                   \u{1b}[32m12 passed\u{1b}[39m (3.4s)\n  1 flaky\n  2 skipped\n";
        assert_eq!(Tally::of(log), tally(12, 2, 2));
    }

    #[test]
    fn prose_with_numbers_is_not_a_result() {
        assert_eq!(
            Tally::of("20 passed through the gate\n3 failed attempts\n"),
            tally(0, 0, 0)
        );
    }
}
