//! A vault whose place is slow, silent or broken, and one that is only memory.

use std::sync::Condvar;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::memory::Memory;

const SHORT: Duration = Duration::from_millis(400);

/// What a place does to whoever writes the name `wait` or `panic`.
#[derive(Clone, Default)]
struct Moody {
    memory: Memory,
    gate: Arc<(Mutex<bool>, Condvar)>,
    opened: Arc<AtomicUsize>,
}

impl Moody {
    fn source(&self) -> Source {
        let place = self.clone();
        Source::Test(Arc::new(move || {
            place.opened.fetch_add(1, Ordering::SeqCst);
            Box::new(place.clone())
        }))
    }

    fn answer(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

impl Store for Moody {
    fn read(&mut self, name: &Name) -> Result<Option<Secret>, VaultError> {
        if name.as_str() == "wait" {
            let open = self.gate.0.lock().unwrap();
            drop(self.gate.1.wait_while(open, |open| !*open).unwrap());
        }
        assert_ne!(name.as_str(), "panic", "as asked for");
        self.memory.read(name)
    }

    fn write(&mut self, name: &Name, secret: &[u8]) -> Result<(), VaultError> {
        self.memory.write(name, secret)
    }

    fn delete(&mut self, name: &Name) -> Result<(), VaultError> {
        self.memory.delete(name)
    }
}

async fn open(place: &Moody) -> Vault {
    open_within(place, SHORT).await
}

async fn open_within(place: &Moody, limit: Duration) -> Vault {
    Vault::open_source(Kind::System, place.source(), limit)
        .await
        .unwrap()
}

fn secret(bytes: &[u8]) -> SecretSlice<u8> {
    bytes.to_vec().into()
}

async fn found(vault: &Vault, name: &str) -> Option<Vec<u8>> {
    let found = vault.read(name).await.unwrap();
    found.map(|secret| secret.expose_secret().to_vec())
}

/// Waits until something holds.
async fn until(mut holds: impl FnMut() -> bool) {
    let looking = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), looking)
        .await
        .expect("it comes to hold");
}

#[tokio::test]
async fn memory_keeps_for_all_clones_and_forgets() {
    let vault = Vault::open(Place::Memory).await.unwrap();
    assert_eq!(vault.kind(), Kind::Memory);
    let clone = vault.clone();
    vault.write("token", &secret(b"s")).await.unwrap();
    assert_eq!(found(&clone, "token").await, Some(b"s".to_vec()));
    clone.delete("token").await.unwrap();
    clone.delete("token").await.unwrap();
    assert_eq!(found(&vault, "token").await, None);
    let other = Vault::open(Place::Memory).await.unwrap();
    vault.write("token", &secret(b"s")).await.unwrap();
    assert_eq!(found(&other, "token").await, None, "it is another memory");
}

#[tokio::test]
async fn bad_names_and_too_much_are_refused_everywhere() {
    let vault = Vault::open(Place::Memory).await.unwrap();
    let bad = vault.write("a/b", &secret(b"s")).await;
    assert!(matches!(bad, Err(VaultError::BadName { .. })));
    assert!(matches!(
        vault.read("").await,
        Err(VaultError::BadName { .. })
    ));
    let long = vault
        .write("a", &secret(&vec![0; crate::LONGEST + 1]))
        .await;
    assert!(matches!(long, Err(VaultError::TooLong { .. })));
}

#[tokio::test]
async fn a_place_that_does_not_answer_costs_the_limit_and_the_next_call_has_a_new_thread() {
    let place = Moody::default();
    let vault = open(&place).await;
    let waiting = vault.read("wait");
    // Queued behind the one that waits: it must not be done when that is answered at last.
    let stale = secret(b"stale");
    let queued = vault.write("token", &stale);
    let unanswered = VaultError::Unanswered { limit: SHORT };
    let (waiting, queued) = tokio::join!(waiting, queued);
    assert_eq!(waiting.err(), Some(unanswered.clone()));
    assert_eq!(queued, Err(unanswered));
    vault.write("token", &secret(b"fresh")).await.unwrap();
    assert_eq!(place.opened.load(Ordering::SeqCst), 2);
    place.answer();
    assert_eq!(found(&vault, "wait").await, None, "it answers again");
    // The abandoned thread is gone once it has let go of the place.
    until(|| Arc::strong_count(&vault.0.alive) == 2).await;
    assert_eq!(found(&vault, "token").await, Some(b"fresh".to_vec()));
}

#[tokio::test]
async fn a_place_that_never_answers_does_not_cost_a_thread_a_call() {
    let place = Moody::default();
    let vault = open(&place).await;
    for _ in 0..THREADS * 3 {
        assert!(vault.read("wait").await.is_err());
    }
    assert_eq!(Arc::strong_count(&vault.0.alive), 1 + THREADS);
    place.answer();
    until(|| Arc::strong_count(&vault.0.alive) == 1).await;
    assert_eq!(found(&vault, "wait").await, None, "it answers again");
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_place_is_opened_anew() {
    let place = Moody::default();
    // To write down where it panicked may take longer than the short limit.
    let vault = open_within(&place, Duration::from_secs(60)).await;
    vault.write("token", &secret(b"s")).await.unwrap();
    let failed = vault.read("panic").await;
    assert!(matches!(failed, Err(VaultError::Failed { .. })));
    assert_eq!(place.opened.load(Ordering::SeqCst), 1);
    assert_eq!(found(&vault, "token").await, Some(b"s".to_vec()));
    assert_eq!(place.opened.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let passphrase = "open sesame";
    let place = Place::File {
        folder: "nowhere".into(),
        passphrase: passphrase.into(),
    };
    assert!(!format!("{place:?}").contains("sesame"));
    let vault = Vault::open(Place::Memory).await.unwrap();
    assert_eq!(format!("{vault:?}"), "Vault(Memory)");
}
