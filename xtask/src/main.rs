//! Offhook's two commands, `run` and `test`, and what its developers need besides.

mod apt;
mod bench;
mod bindings;
mod cargo;
mod child;
mod clock;
mod deny;
mod doctor;
mod fuzz;
mod icons;
mod node;
mod packages;
mod paths;
mod prompts;
mod run;
mod say;
mod setup;
mod sim;
mod test;
mod tool;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, runs and tests Offhook. Two commands are all it takes: `cargo xtask run` starts the
/// softphone, `cargo xtask test` checks everything. Both set up what is missing first.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version, subcommand_required = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start the softphone; without a display, make the same call headless
    ///
    /// Sets up what building and running needs, builds the window's page and opens the window.
    /// Where there is no display (no DISPLAY, no WAYLAND_DISPLAY) it calls the built-in agent
    /// headless instead: a speech file is the microphone, and what the agent answers is written
    /// to target/run/answer.wav. The headless call needs neither Node nor WebKit.
    Run(run::Options),
    /// Check everything: formatting, lints, licences, docs, and every test
    ///
    /// One line per stage; the output of each goes to target/test-logs/NN-STAGE.log. A failing
    /// stage does not stop the others, except those that build on it. The last line is
    /// "N passed, N failed", over all test runners together; a stage that failed without naming
    /// a failing test counts as one. The exit code is 0 only if nothing failed.
    Test(test::Options),
    /// Run simulated calls over a network that fails, and check what must hold in each
    ///
    /// Both ends of a session, an upstream, a token service and the network between them, in
    /// virtual time, everything drawn from the seed. A failure names the call, what did not hold,
    /// and the command that runs it again with its log.
    Sim(sim::Options),
    /// Install what building and testing needs (apt on Debian and Ubuntu), or say what to install
    Setup(setup::Options),
    /// Say what is installed, what is missing, and which versions
    Doctor,
    /// Look for bytes that break the wire's decoders or a session (cargo-fuzz)
    ///
    /// Installs cargo-fuzz into target/tools if it is missing. Starts from the inputs in
    /// fuzz/corpus, which a test replays; what it finds goes to target/fuzz. Linux and macOS only.
    Fuzz(fuzz::Options),
    /// Draw every icon size the bundler needs from icons/icon.svg
    Icons,
    /// Speak the built-in agent's prompts and the tests' speech files into WAVs
    ///
    /// The agent's texts are read from crates/bridge/assets/prompts.txt, one "name = text" a
    /// line. Installs espeak-ng and sox if they are missing. The WAVs are committed: run this
    /// only after changing a text or a voice.
    Prompts(prompts::Options),
    /// Compare Offhook's client with others under the same faults
    Bench(bench::Options),
    /// Generate ui/src/bindings.ts from the Rust types of crates/phone
    Bindings,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.task {
        Task::Run(options) => run::run(&options),
        Task::Test(options) => test::test(&options),
        Task::Sim(options) => sim::sim(&options),
        Task::Setup(options) => setup::setup(options.purpose).map(|()| ExitCode::SUCCESS),
        Task::Doctor => doctor::doctor(),
        Task::Fuzz(options) => fuzz::fuzz(&options),
        Task::Icons => icons::icons().map(|()| ExitCode::SUCCESS),
        Task::Prompts(options) => prompts::prompts(&options).map(|()| ExitCode::SUCCESS),
        Task::Bench(options) => bench::bench(&options),
        Task::Bindings => bindings::bindings().map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        say::error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
