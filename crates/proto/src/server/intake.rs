//! What the client sent, in order and once: each sequence number is taken exactly once.

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is the next one.
    New,
    /// It came before.
    Known,
    /// Something before it is missing, or it has no number at all.
    Gap,
}

/// How far the client's events came.
#[derive(Debug, Default)]
pub(super) struct Intake {
    recv: u64,
}

impl Intake {
    /// The highest sequence number with nothing missing before it.
    pub(super) const fn recv(&self) -> u64 {
        self.recv
    }

    /// Takes the event with this number, if it is the next one.
    pub(super) const fn admit(&mut self, seq: Option<u64>) -> Admission {
        match seq {
            // None is numbered 0.
            Some(0) | None => Admission::Gap,
            Some(seq) if seq <= self.recv => Admission::Known,
            Some(seq) if seq - 1 == self.recv => {
                self.recv = seq;
                Admission::New
            }
            Some(_) => Admission::Gap,
        }
    }

    /// Takes a loss in place of the events from `seq` to `through`. Some of them may have arrived
    /// without the client knowing.
    pub(super) fn skip(&mut self, seq: Option<u64>, through: u64) -> Admission {
        match seq {
            Some(0) | None => Admission::Gap,
            Some(seq) if through < seq || seq - 1 > self.recv => Admission::Gap,
            Some(_) if through <= self.recv => Admission::Known,
            Some(_) => {
                self.recv = through;
                Admission::New
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_taken_once_and_none_is_passed_over() {
        let mut intake = Intake::default();
        assert_eq!(intake.admit(Some(2)), Admission::Gap);
        assert_eq!(intake.admit(None), Admission::Gap);
        assert_eq!(intake.admit(Some(0)), Admission::Gap);
        assert_eq!(intake.admit(Some(1)), Admission::New);
        assert_eq!(intake.admit(Some(1)), Admission::Known);
        assert_eq!(intake.admit(Some(2)), Admission::New);
        assert_eq!(intake.admit(Some(1)), Admission::Known);
        assert_eq!(intake.admit(Some(4)), Admission::Gap);
        assert_eq!(intake.recv(), 2);
    }

    #[test]
    fn a_loss_stands_for_what_never_came() {
        let mut intake = Intake::default();
        assert_eq!(intake.admit(Some(1)), Admission::New);
        assert_eq!(intake.skip(None, 9), Admission::Gap);
        assert_eq!(intake.skip(Some(3), 9), Admission::Gap);
        assert_eq!(intake.skip(Some(2), 1), Admission::Gap);
        assert_eq!(intake.skip(Some(2), 5), Admission::New);
        assert_eq!(intake.recv(), 5);
        assert_eq!(intake.skip(Some(2), 5), Admission::Known);
        // The client did not know that 4 and 5 are settled.
        assert_eq!(intake.skip(Some(4), 7), Admission::New);
        assert_eq!(intake.admit(Some(8)), Admission::New);
        assert_eq!(intake.skip(Some(9), u64::MAX), Admission::New);
        assert_eq!(intake.admit(Some(u64::MAX)), Admission::Known);
    }
}
