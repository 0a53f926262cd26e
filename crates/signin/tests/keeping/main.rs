//! One refresh token and everything that can come in between: many callers, two processes, lost
//! answers, callers who leave, a vault that does not take it.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

mod provider;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use futures_util::FutureExt as _;
use offhook_client::ProofKey;
use offhook_signin::{
    AccessError, Client, Config, Grant, Issuer, IssuerError, Keeper, Refreshed, Standing, User,
};
use offhook_vault::{Place, Vault};
use secrecy::SecretString;

use provider::{MANY, Provider, number, tokens};

/// A time in the year 2096, in ms since the Unix epoch.
const FAR: u64 = 4_000_000_000_000;

/// A folder for locks, gone with its guard.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("offhook-keeping-{}-{number}", process::id());
        Self(env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn open(provider: &Arc<Provider>, vault: &Vault, locks: &Path) -> Keeper {
    Keeper::open(Config {
        name: "work".to_owned(),
        vault: vault.clone(),
        locks: locks.to_owned(),
        issuer: Arc::clone(provider) as Arc<dyn Issuer>,
    })
    .await
    .unwrap()
}

fn user() -> User {
    User {
        subject: "ada".to_owned(),
        name: None,
        email: None,
    }
}

/// A sign-in whose access token expired long ago.
fn grant() -> Grant {
    grant_of(tokens(1, Duration::ZERO), 0)
}

fn grant_of(given: Refreshed, now: u64) -> Grant {
    let client = Client {
        issuer: "https://issuer.example".to_owned(),
        client_id: "offhook".to_owned(),
        scopes: Vec::new(),
        resource: None,
    };
    let key = ProofKey::generate().unwrap();
    Grant::new(client, user(), &key, given, now)
}

async fn memory() -> Vault {
    Vault::open(Place::Memory).await.unwrap()
}

async fn access(keeper: &Keeper) -> u32 {
    number(&keeper.access(None).await.unwrap().token)
}

#[tokio::test]
async fn however_many_ask_one_refresh_is_made() {
    let (provider, vault, locks) = (Provider::new(false), memory().await, Folder::new());
    let keeper = open(&provider, &vault, &locks.0).await;
    assert_eq!(*keeper.standing().borrow(), Standing::SignedOut);
    assert_eq!(
        keeper.access(None).await.map(drop),
        Err(AccessError::SignedOut)
    );
    keeper.adopt(grant()).await.unwrap();
    assert_eq!(*keeper.standing().borrow(), Standing::SignedIn(user()));
    let all = futures_util::future::join_all((0..100).map(|_| access(&keeper))).await;
    assert_eq!(all, [2; 100]);
    assert_eq!(provider.requests(), 1);
    // What is good is used, also by who comes later, and by the next process.
    assert_eq!(access(&keeper).await, 2);
    let next = open(&provider, &vault, &locks.0).await;
    assert_eq!(access(&next).await, 2);
    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn two_processes_that_refresh_at_once_make_one_refresh_200_times() {
    let (provider, vault, locks) = (Provider::new(false), memory().await, Folder::new());
    let one = open(&provider, &vault, &locks.0).await;
    one.adopt(grant()).await.unwrap();
    let two = open(&provider, &vault, &locks.0).await;
    let (mut last_one, mut last_two) = (access(&one).await, access(&two).await);
    for round in 0..200 {
        let before = provider.requests();
        // Both were told by the server that their token is not good any more.
        let refused = |number: u32| SecretString::from(format!("access-{number}"));
        let (refused_one, refused_two) = (refused(last_one), refused(last_two));
        let (first, second) = tokio::join!(
            one.access(Some(&refused_one)),
            two.access(Some(&refused_two))
        );
        last_one = number(&first.unwrap().token);
        last_two = number(&second.unwrap().token);
        assert_eq!(last_one, last_two, "round {round}");
        assert_eq!(provider.requests(), before + 1, "round {round}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_and_nobody_is_signed_out() {
    let (provider, vault, locks) = (Provider::new(true), memory().await, Folder::new());
    let keeper = open(&provider, &vault, &locks.0).await;
    keeper.adopt(grant()).await.unwrap();
    for lost in 1..=3 {
        let refused = SecretString::from(format!("access-{lost}"));
        provider.with(|state| state.lose = lost);
        let outcome = keeper.access(Some(&refused)).await.map(drop);
        assert!(
            matches!(outcome, Err(AccessError::Issuer(IssuerError::Away { .. }))),
            "{outcome:?}"
        );
        // Nobody asks; it is brought in the background, within the interval.
        let brought = async {
            while keeper.access(None).await.map_or(0, |it| number(&it.token)) != lost + 1 {
                tokio::task::yield_now().await;
            }
        };
        let limit = tokio::time::timeout(Duration::from_secs(60), brought);
        limit.await.expect("within the interval");
    }
    assert_eq!(*keeper.standing().borrow(), Standing::SignedIn(user()));
    assert!(provider.with(|state| state.reuses) >= 6);
}

#[tokio::test]
async fn without_a_reuse_interval_the_user_is_asked_once_and_the_call_goes_on() {
    let (provider, vault, locks) = (Provider::new(false), memory().await, Folder::new());
    let keeper = open(&provider, &vault, &locks.0).await;
    keeper.adopt(grant()).await.unwrap();
    // Little is left of it, so that another one is asked for; but it is good.
    provider.with(|state| state.life = Duration::from_secs(40));
    assert_eq!(access(&keeper).await, 2);
    let mut standing = keeper.standing();
    standing.mark_unchanged();
    provider.with(|state| state.lose = 1);
    let refused = SecretString::from("access-2");
    assert!(keeper.access(Some(&refused)).await.is_err());
    let ended = standing.wait_for(|standing| matches!(standing, Standing::Ended(_)));
    ended.await.unwrap();
    let requests = provider.requests();
    assert_eq!(
        access(&keeper).await,
        2,
        "the access token is good until it expires"
    );
    let refused = keeper.access(Some(&refused)).await.map(drop);
    assert_eq!(refused, Err(AccessError::Ended));
    let next = open(&provider, &vault, &locks.0).await;
    assert_eq!(*next.standing().borrow(), Standing::Ended(user()));
    assert_eq!(provider.requests(), requests, "the provider is left alone");
    // The user signs in again.
    provider.with(|state| (state.ended, state.current) = (false, 1));
    keeper.adopt(grant()).await.unwrap();
    assert_eq!(*keeper.standing().borrow(), Standing::SignedIn(user()));
    assert_eq!(access(&keeper).await, 2);
}

#[tokio::test]
async fn without_a_refresh_token_a_sign_in_is_as_long_as_its_access_token() {
    let (provider, vault, locks) = (Provider::new(false), memory().await, Folder::new());
    let keeper = open(&provider, &vault, &locks.0).await;
    let mut given = tokens(1, Duration::from_secs(300));
    given.refresh_token = None;
    keeper.adopt(grant_of(given, FAR)).await.unwrap();
    assert_eq!(*keeper.standing().borrow(), Standing::SignedIn(user()));
    assert_eq!(access(&keeper).await, 1);
    let refused = SecretString::from("access-1");
    let outcome = keeper.access(Some(&refused)).await.map(drop);
    assert_eq!(outcome, Err(AccessError::Ended));
    assert_eq!(*keeper.standing().borrow(), Standing::Ended(user()));
    assert_eq!(provider.requests(), 0);
}

#[tokio::test]
async fn who_asks_and_leaves_does_not_stop_a_refresh() {
    let (provider, vault, locks) = (Provider::new(false), memory().await, Folder::new());
    let keeper = open(&provider, &vault, &locks.0).await;
    keeper.adopt(grant()).await.unwrap();
    let held = provider.answers.acquire_many(MANY as u32).await.unwrap();
    let mut asking = Box::pin(keeper.access(None));
    while provider.requests() == 0 {
        assert!(asking.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(asking);
    drop(held);
    assert_eq!(access(&keeper).await, 2);
    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn a_process_that_finds_a_note_asks_again_at_once() {
    let (provider, vault, locks) = (Provider::new(true), memory().await, Folder::new());
    let keeper = open(&provider, &vault, &locks.0).await;
    keeper.adopt(grant()).await.unwrap();
    provider.with(|state| state.lose = 1);
    assert!(keeper.access(None).await.is_err());
    assert_eq!(provider.requests(), 1);
    // As after a crash: nobody asks for anything.
    let next = open(&provider, &vault, &locks.0).await;
    while provider.requests() == 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(access(&next).await, 2);
    assert_eq!(*next.standing().borrow(), Standing::SignedIn(user()));
}

#[tokio::test]
async fn signing_out_is_told_to_the_provider_and_noticed_by_other_processes() {
    let (provider, vault, locks) = (Provider::new(false), memory().await, Folder::new());
    let one = open(&provider, &vault, &locks.0).await;
    one.adopt(grant()).await.unwrap();
    let two = open(&provider, &vault, &locks.0).await;
    assert_eq!(access(&two).await, 2);
    // It signs out with what it finds, not with what it remembers.
    one.sign_out().await.unwrap();
    assert_eq!(provider.with(|state| state.revoked.clone()), [2]);
    assert_eq!(*one.standing().borrow(), Standing::SignedOut);
    assert!(vault.read("grant.work").await.unwrap().is_none());
    let refused = SecretString::from("access-2");
    let outcome = two.access(Some(&refused)).await.map(drop);
    assert_eq!(outcome, Err(AccessError::SignedOut));
    assert_eq!(*two.standing().borrow(), Standing::SignedOut);
}

/// A keeper with a grant, and the folder that its vault is in.
async fn in_files(provider: &Arc<Provider>, locks: &Folder) -> (Keeper, PathBuf) {
    let folder = locks.0.join("vault");
    let vault = Vault::open(Place::File {
        folder: folder.clone(),
        passphrase: "passphrase".into(),
    })
    .await
    .unwrap();
    let keeper = open(provider, &vault, &locks.0).await;
    keeper.adopt(grant()).await.unwrap();
    (keeper, folder)
}

#[tokio::test]
async fn a_token_whose_use_cannot_be_noted_is_not_used() {
    let (provider, locks) = (Provider::new(false), Folder::new());
    let (keeper, folder) = in_files(&provider, &locks).await;
    let away = locks.0.join("away");
    fs::rename(&folder, &away).unwrap();
    fs::write(&folder, "in the way").unwrap();
    let outcome = keeper.access(None).await.map(drop);
    assert!(matches!(outcome, Err(AccessError::Vault(_))), "{outcome:?}");
    assert_eq!(provider.requests(), 0);
    assert_eq!(*keeper.standing().borrow(), Standing::SignedIn(user()));
    fs::remove_file(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    assert_eq!(access(&keeper).await, 2);
}

#[tokio::test]
async fn a_sign_out_that_the_vault_does_not_take_is_told_to_the_provider_and_to_the_user() {
    let (provider, locks) = (Provider::new(false), Folder::new());
    let (keeper, folder) = in_files(&provider, &locks).await;
    fs::rename(&folder, locks.0.join("away")).unwrap();
    fs::write(&folder, "in the way").unwrap();
    let outcome = keeper.sign_out().await;
    assert!(matches!(outcome, Err(AccessError::Vault(_))), "{outcome:?}");
    assert_eq!(provider.with(|state| state.revoked.clone()), [1]);
    assert_ne!(*keeper.standing().borrow(), Standing::SignedOut);
    let outcome = keeper.access(None).await.map(drop);
    assert_eq!(outcome, Err(AccessError::SignedOut));
}

#[tokio::test]
async fn what_is_kept_and_cannot_be_read_is_said_and_can_be_replaced() {
    let (provider, vault, locks) = (Provider::new(false), memory().await, Folder::new());
    let keeper = open(&provider, &vault, &locks.0).await;
    let nonsense = b"nonsense".to_vec().into();
    vault.write("grant.work", &nonsense).await.unwrap();
    let opened = Keeper::open(Config {
        name: "work".to_owned(),
        vault: vault.clone(),
        locks: locks.0.clone(),
        issuer: Arc::clone(&provider) as Arc<dyn Issuer>,
    });
    assert!(matches!(opened.await, Err(AccessError::Grant(_))));
    keeper.adopt(grant()).await.unwrap();
    assert_eq!(access(&keeper).await, 2);
}
