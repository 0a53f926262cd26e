//! One call from its seed.

use crate::check::Violation;
use crate::mutation::Mutation;
use crate::scenario::{Class, Scenario};
use crate::stats::Stats;
use crate::world::World;

/// A call that was run.
#[derive(Debug)]
pub struct Finished {
    /// What it was about.
    pub class: Class,
    /// The invariant that did not hold, if one did not.
    pub violation: Option<Violation>,
    /// What happened, line by line, where that was wanted.
    pub log: Vec<String>,
    /// In a few words.
    pub outcome: &'static str,
    pub(crate) stats: Stats,
}

/// Runs the call of this seed.
#[must_use]
pub fn call(seed: u64, log: bool) -> Finished {
    finish(Scenario::draw(seed), None, log)
}

/// Runs a call in which something happens that must not.
#[must_use]
pub fn mutated(seed: u64, mutation: Mutation) -> Finished {
    let scenario = mutation.scenario(seed);
    finish(scenario, Some(mutation), true)
}

fn finish(scenario: Scenario, mutation: Option<Mutation>, log: bool) -> Finished {
    let class = scenario.class;
    let mut world = World::new(scenario, mutation, log);
    world.run();
    let (stats, violation, log, outcome) = world.into_result();
    Finished {
        class,
        violation,
        log,
        outcome,
        stats,
    }
}
