//! Several scenes at the same time: each has a thread of its own, and none spoils another.

use std::panic;
use std::thread;

use anyhow::{Result, bail};

/// Something that is played through: its name, and what it comes to, in a sentence.
pub struct Scene<'a> {
    name: String,
    play: Box<dyn FnOnce() -> Result<String> + Send + 'a>,
}

impl<'a> Scene<'a> {
    /// A scene of that name.
    pub fn new(name: &str, play: impl FnOnce() -> Result<String> + Send + 'a) -> Self {
        Self {
            name: name.to_owned(),
            play: Box::new(play),
        }
    }
}

/// Plays all of them, and prints what each came to.
///
/// # Errors
/// Where one fails; all are played to their end, and the error has every one that failed.
#[expect(
    clippy::print_stderr,
    reason = "the figures belong into the test's output"
)]
pub fn play(scenes: Vec<Scene<'_>>) -> Result<()> {
    let failures: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = scenes
            .into_iter()
            .map(|scene| (scene.name, scope.spawn(scene.play)))
            .collect();
        let ended = running.into_iter().filter_map(|(name, thread)| {
            let result = thread
                .join()
                .unwrap_or_else(|panic| panic::resume_unwind(panic));
            match result {
                Ok(figures) => {
                    eprintln!("{name}: {figures}");
                    None
                }
                Err(error) => Some(format!("{name}: {error:#}")),
            }
        });
        ended.collect()
    });
    if !failures.is_empty() {
        bail!("{} failed:\n{}", failures.len(), failures.join("\n\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_told() {
        let scenes = vec![
            Scene::new("one", || bail!("it rained")),
            Scene::new("two", || Ok("fine".to_owned())),
            Scene::new("three", || bail!("it snowed")),
        ];
        let error = play(scenes).unwrap_err().to_string();
        assert!(error.contains("one: it rained") && error.contains("three: it snowed"));
        assert!(!error.contains("two"));
    }
}
