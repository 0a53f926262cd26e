//! The checks can fail: each fault put between the machines and the checks is found for what it is.

use offhook_sim::{Mutation, mutated};

/// Calls in which a mutation may have nothing to spoil, as everything is drawn.
const TRIES: u64 = 12;

#[test]
fn every_mutation_is_found() {
    let mut missed = Vec::new();
    for mutation in Mutation::ALL {
        let found = (0..TRIES).find_map(|seed| mutated(seed, *mutation).violation);
        let is_right = found
            .as_ref()
            .is_some_and(|found| mutation.breaks().contains(&found.invariant));
        if !is_right {
            missed.push(format!("{mutation:?} is taken for {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_call_is_the_same_twice() {
    for seed in 0..20 {
        let (first, second) = (offhook_sim::call(seed, true), offhook_sim::call(seed, true));
        assert_eq!(first.log, second.log, "{seed}");
        assert_eq!(first.violation, second.violation);
    }
}

#[test]
fn a_log_changes_nothing() {
    for seed in 20..40 {
        let (with, without) = (
            offhook_sim::call(seed, true),
            offhook_sim::call(seed, false),
        );
        assert_eq!(with.outcome, without.outcome, "{seed}");
        assert_eq!(with.violation, without.violation);
    }
}
