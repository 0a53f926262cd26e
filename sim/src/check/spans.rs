//! Sets of samples, as spans.

/// Spans that neither overlap nor touch, in order. Most additions are at the end.
#[derive(Debug, Default, Clone)]
pub(crate) struct Spans(Vec<(u64, u64)>);

impl Spans {
    pub(crate) fn add(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let first = self.0.partition_point(|(_, end)| *end < from);
        let (mut from, mut to, mut last) = (from, to, first);
        while let Some((start, end)) = self.0.get(last).filter(|(start, _)| *start <= to) {
            from = from.min(*start);
            to = to.max(*end);
            last += 1;
        }
        self.0.splice(first..last, [(from, to)]);
    }

    /// The first part of `from..to` that is in none of the sets.
    pub(crate) fn missing(sets: &[&Self], from: u64, to: u64) -> Option<(u64, u64)> {
        let mut at = from;
        while at < to {
            let covering = sets.iter().filter_map(|set| set.covering(at));
            match covering.max() {
                Some(end) => at = end,
                None => {
                    let next = sets.iter().filter_map(|set| set.next_after(at)).min();
                    return Some((at, next.unwrap_or(to).min(to)));
                }
            }
        }
        None
    }

    /// Where the span that `at` is in ends.
    fn covering(&self, at: u64) -> Option<u64> {
        let index = self.0.partition_point(|(_, end)| *end <= at);
        let (start, end) = self.0.get(index)?;
        (*start <= at).then_some(*end)
    }

    fn next_after(&self, at: u64) -> Option<u64> {
        let index = self.0.partition_point(|(start, _)| *start <= at);
        self.0.get(index).map(|(start, _)| *start)
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_join_and_holes_are_found() {
        let mut spans = Spans::default();
        spans.add(10, 20);
        spans.add(30, 40);
        assert_eq!(Spans::missing(&[&spans], 10, 40), Some((20, 30)));
        spans.add(15, 30);
        assert_eq!(spans.0, [(10, 40)]);
        assert_eq!(Spans::missing(&[&spans], 10, 40), None);
        assert_eq!(Spans::missing(&[&spans], 0, 40), Some((0, 10)));
        let mut others = Spans::default();
        others.add(40, 50);
        others.add(0, 12);
        assert_eq!(Spans::missing(&[&spans, &others], 0, 51), Some((50, 51)));
        assert_eq!(others.total(), 22);
    }
}
