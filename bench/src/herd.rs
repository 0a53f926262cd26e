//! Ten thousand clients that are dropped at once: how hard they come back, and how soon.

mod gate;
mod people;
mod real;
mod simulated;

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::reconnect::Client;
use crate::statistics::{most_within, percentile};

pub use real::run;
pub use simulated::simulate;

/// The stretch of time in which dials are counted.
const SLICE: Duration = Duration::from_millis(50);

/// How they are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// All connections break, and the server is there.
    Break,
    /// The server says that it goes, and another takes its place.
    GoAway,
    /// All connections break, and the server refuses new ones for 3 s.
    Refused,
    /// The server is killed and started again.
    Crash,
}

impl Loss {
    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Break => "break",
            Self::GoAway => "go away",
            Self::Refused => "refused 3 s",
            Self::Crash => "crash",
        }
    }
}

/// What one client of the herd did after the drop. Times count from it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Course {
    /// When it dialled for a session.
    pub(crate) dials: Vec<Duration>,
    /// When it asked for a token.
    pub(crate) tokens: Vec<Duration>,
    /// When it was back.
    pub(crate) back: Option<Duration>,
}

/// What a herd came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Herd {
    /// Whose clients.
    pub client: Client,
    /// How they were dropped.
    pub loss: Loss,
    /// Whether they were simulated.
    pub simulated: bool,
    /// How many there were.
    pub clients: usize,
    /// How many dials they made for sessions.
    pub dials: usize,
    /// The most dials for sessions in 50 ms.
    pub peak_dials: usize,
    /// The most dials for sessions and requests for tokens together in 50 ms.
    pub peak_requests: usize,
    /// How many are back when the observation ends.
    pub back: usize,
    /// From the drop until half of all are back, in ms,
    pub back_50_ms: Option<f64>,
    /// and until 99 of 100 are.
    pub back_99_ms: Option<f64>,
}

impl Herd {
    pub(crate) fn new(client: Client, loss: Loss, simulated: bool, courses: &[Course]) -> Self {
        let dials: Vec<Duration> = courses.iter().flat_map(|it| it.dials.clone()).collect();
        let tokens = courses.iter().flat_map(|course| course.tokens.clone());
        let requests: Vec<Duration> = dials.iter().copied().chain(tokens).collect();
        // Who is not back counts as later than everybody.
        let returns = courses.iter().map(|it| it.back.unwrap_or(Duration::MAX));
        let returns: Vec<Duration> = returns.collect();
        let back = |of_hundred| {
            let at = percentile(&returns, of_hundred)?;
            (at < Duration::MAX).then_some(at.as_secs_f64() * 1000.0)
        };
        Self {
            client,
            loss,
            simulated,
            clients: courses.len(),
            dials: dials.len(),
            peak_dials: most_within(&dials, SLICE),
            peak_requests: most_within(&requests, SLICE),
            back: courses
                .iter()
                .filter(|course| course.back.is_some())
                .count(),
            back_50_ms: back(50),
            back_99_ms: back(99),
        }
    }
}

/// The herds for a person.
#[must_use]
pub fn table(herds: &[Herd]) -> String {
    let mut table = format!(
        "{:<11}{:<13}{:<10}{:>8}{:>8}{:>12}{:>15}{:>8}{:>12}{:>12}\n",
        "",
        "loss",
        "client",
        "clients",
        "dials",
        "dials/50 ms",
        "requests/50 ms",
        "back",
        "50 % after",
        "99 % after"
    );
    let shown = |ms: Option<f64>| ms.map_or("never".to_owned(), |ms| format!("{ms:.0} ms"));
    for herd in herds {
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "{:<11}{:<13}{:<10}{:>8}{:>8}{:>12}{:>15}{:>8}{:>12}{:>12}",
            if herd.simulated { "simulated" } else { "real" },
            herd.loss.name(),
            herd.client.name(),
            herd.clients,
            herd.dials,
            herd.peak_dials,
            herd.peak_requests,
            herd.back,
            shown(herd.back_50_ms),
            shown(herd.back_99_ms)
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_back_keeps_the_herd_from_being_back() {
        let ms = Duration::from_millis;
        let course = |back: Option<u64>| Course {
            dials: vec![ms(10), ms(30)],
            tokens: vec![ms(20)],
            back: back.map(ms),
        };
        let mut courses = vec![course(Some(100)); 98];
        courses.extend([course(None), course(Some(300))]);
        let herd = Herd::new(Client::Naive, Loss::Break, true, &courses);
        assert_eq!((herd.clients, herd.back, herd.dials), (100, 99, 200));
        assert_eq!((herd.peak_dials, herd.peak_requests), (200, 300));
        assert_eq!(herd.back_50_ms, Some(100.0));
        assert_eq!(herd.back_99_ms, Some(300.0));
        courses[0].back = None;
        let herd = Herd::new(Client::Naive, Loss::Break, true, &courses);
        assert_eq!(herd.back_99_ms, None);
        assert!(table(&[herd]).contains("never"));
    }
}
