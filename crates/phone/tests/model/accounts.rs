//! Profiles and accounts: what users want of them, and what becomes of it.

use offhook_client::proto::client::{Cause, Doing, State};
use offhook_client::{Credential, Endpoint, Event as Line};
use offhook_phone::model::{Effect, Entry, Input, Offer, Order, Report};
use offhook_phone::{
    Account, AccountIntent, Adding, Agent, AgentEntry, Call, Directory, EndReason, Intent,
    KeyHeader, Listing, Message, Problem, ProfileKind, SecretPlace, Secrets, SignInWay,
};

use crate::harness::Phone;

const URL: &str = "https://bridge.example";

fn orders(did: &[Effect]) -> Vec<&Order> {
    let orders = did.iter().filter_map(|effect| match effect {
        Effect::Account(Order::Remember(_)) => None,
        Effect::Account(order) => Some(order),
        _ => None,
    });
    orders.collect()
}

impl Phone {
    fn account(&mut self, intent: AccountIntent) {
        self.did.clear();
        self.want(Intent::Account { intent });
    }

    fn report(&mut self, report: Report) {
        self.did.clear();
        self.tell(Input::Account(report));
    }

    fn directory(&self) -> Directory {
        self.model.directory()
    }

    fn is(&mut self, profile: &str, account: Account) {
        self.report(Report::Account {
            profile: profile.to_owned(),
            account,
        });
    }

    /// A phone that knows one bridge, whose user is signed in.
    fn signed_in() -> (Self, String) {
        let mut phone = Self::ready();
        phone.report(Report::Secrets(Ok(SecretPlace::System)));
        phone.account(AccountIntent::AddOrganisation {
            url: URL.to_owned(),
        });
        phone.report(Report::Found {
            url: URL.to_owned(),
            offer: Ok(Offer::default()),
        });
        let id = phone.directory().chosen;
        phone.is(&id, ada());
        let agents = Ok(vec![agent("sales"), agent("support")]);
        phone.report(Report::Agents {
            profile: id.clone(),
            agents,
        });
        (phone, id)
    }
}

fn ada() -> Account {
    Account::SignedIn {
        name: "Ada".to_owned(),
        email: None,
    }
}

fn agent(id: &str) -> AgentEntry {
    let credential = Credential::Mint { access_token: None };
    AgentEntry {
        agent: Agent {
            id: id.to_owned(),
            name: id.to_owned(),
            description: None,
            language: None,
            color: None,
            favourite: false,
            built_in: false,
        },
        endpoint: Endpoint::new(URL, credential).expect("it is an address"),
    }
}

fn names(directory: &Directory) -> Vec<&str> {
    directory.agents.iter().map(|it| it.id.as_str()).collect()
}

#[test]
fn a_bridge_is_found_added_chosen_and_asked_for_its_agents() {
    let mut phone = Phone::ready();
    phone.report(Report::Secrets(Ok(SecretPlace::System)));
    phone.account(AccountIntent::AddOrganisation {
        url: URL.to_owned(),
    });
    assert_eq!(phone.directory().adding, Adding::Checking);
    assert!(matches!(orders(&phone.did)[..], [Order::Find { url }] if url == URL));
    phone.report(Report::Found {
        url: URL.to_owned(),
        offer: Ok(Offer {
            name: Some("Acme".to_owned()),
            ..Offer::default()
        }),
    });
    let directory = phone.directory();
    assert_eq!(directory.chosen, "bridge.example");
    assert_eq!(directory.profiles[1].name, "Acme");
    assert_eq!(directory.profiles[1].account, Account::Unknown);
    assert!(matches!(
        orders(&phone.did)[..],
        [Order::Attach(Entry { .. })]
    ));
    phone.is("bridge.example", Account::SignedOut { problem: None });
    assert_eq!(phone.directory().listing, Listing::SignInFirst);
    phone.account(AccountIntent::SignIn {
        profile: "bridge.example".to_owned(),
        way: SignInWay::Device,
    });
    assert_eq!(phone.directory().profiles[1].account, Account::Starting);
    // The same wish a second time begins nothing.
    phone.account(AccountIntent::SignIn {
        profile: "bridge.example".to_owned(),
        way: SignInWay::Browser,
    });
    assert!(orders(&phone.did).is_empty());
    phone.is("bridge.example", ada());
    assert!(matches!(orders(&phone.did)[..], [Order::List { .. }]));
    let agents = Ok(vec![agent("sales")]);
    let profile = "bridge.example".to_owned();
    phone.report(Report::Agents { profile, agents });
    assert_eq!(names(&phone.directory()), ["sales"]);
    assert_eq!(phone.directory().listing, Listing::Complete);
}

#[test]
fn what_is_no_bridge_is_said_and_nothing_is_added() {
    let mut phone = Phone::ready();
    phone.account(AccountIntent::AddOrganisation {
        url: URL.to_owned(),
    });
    let problem = Problem::NotABridge {
        host: "bridge.example".to_owned(),
    };
    let refused = || Report::Found {
        url: URL.to_owned(),
        offer: Err(problem.clone()),
    };
    phone.report(refused());
    let problem = problem.clone();
    assert_eq!(phone.directory().adding, Adding::Failed { problem });
    assert_eq!(phone.directory().profiles.len(), 1);
    phone.account(AccountIntent::StopAdding);
    assert_eq!(phone.directory().adding, Adding::Idle);
    // An answer that comes after all is nobody's any more.
    phone.report(refused());
    assert_eq!(phone.directory().adding, Adding::Idle);
}

#[test]
fn a_key_is_tried_before_its_profile_is_there() {
    let mut phone = Phone::ready();
    phone.report(Report::Secrets(Ok(SecretPlace::System)));
    phone.account(AccountIntent::AddDirect {
        name: String::new(),
        url: "https://r.openai.azure.com/openai/v1/realtime".to_owned(),
        model: "gpt-realtime".to_owned(),
        header: KeyHeader::ApiKey,
        key: "canary".to_owned().into(),
    });
    assert_eq!(phone.directory().profiles.len(), 1);
    let [Order::TryKey { entry, .. }] = orders(&phone.did)[..] else {
        panic!("{:?}", phone.did);
    };
    assert_eq!(entry.id, "r.openai.azure.com");
    let entry = entry.clone();
    let shown = format!("{:?} {:?}", phone.did, phone.directory());
    assert!(!shown.contains("canary"), "{shown}");
    let problem = Problem::KeyRefused {
        host: "r.openai.azure.com".to_owned(),
        detail: "wrong".to_owned(),
    };
    let result = Err(problem.clone());
    phone.report(Report::KeyTried {
        entry: entry.clone(),
        result,
    });
    assert_eq!(phone.directory().adding, Adding::Failed { problem });
    assert_eq!(phone.directory().profiles.len(), 1);
    phone.report(Report::KeyTried {
        entry,
        result: Ok(()),
    });
    assert_eq!(phone.directory().profiles.len(), 2);
    assert!(matches!(
        phone.directory().profiles[1].kind,
        ProfileKind::Direct { .. }
    ));
}

#[test]
fn favourites_come_first_and_calls_are_remembered() {
    let (mut phone, id) = Phone::signed_in();
    phone.account(AccountIntent::SetFavourite {
        agent: "support".to_owned(),
        favourite: true,
    });
    assert_eq!(names(&phone.directory()), ["support", "sales"]);
    assert!(phone.directory().agents[0].favourite);
    let kept = phone.did.iter().any(|effect| {
        matches!(effect, Effect::Account(Order::Remember(book)) if book.favourites.len() == 1)
    });
    assert!(kept, "{:?}", phone.did);
    phone.want(Intent::Call {
        agent: "sales".to_owned(),
    });
    phone.want(Intent::HangUp);
    let directory = phone.directory();
    assert_eq!(directory.recent.len(), 1);
    assert_eq!(directory.recent[0].agent, "sales");
    assert_eq!(directory.recent[0].profile, id);
    // The list may change under a call, and its summary keeps its agent.
    phone.report(Report::Agents {
        profile: id,
        agents: Ok(Vec::new()),
    });
    let Call::Ended { agent, reason, .. } = phone.model.snapshot().call else {
        panic!("not ended");
    };
    assert_eq!((agent.id.as_str(), reason), ("sales", EndReason::HungUp));
}

#[test]
fn a_sign_in_that_ends_is_said_once_and_a_call_that_waits_goes_on_at_once_when_it_is_back() {
    let (mut phone, id) = Phone::signed_in();
    phone.want(Intent::Call {
        agent: "sales".to_owned(),
    });
    phone.tell(Input::AudioStarted);
    phone.line_is(false);
    let ended = || Account::Ended {
        name: "Ada".to_owned(),
    };
    phone.is(&id, ended());
    assert!(matches!(
        phone.model.snapshot().notice,
        Some(Problem::SignInNeeded { .. })
    ));
    assert!(matches!(phone.model.snapshot().call, Call::Live { .. }));
    phone.want(Intent::DismissNotice);
    phone.is(&id, ended());
    assert_eq!(phone.model.snapshot().notice, None, "once is enough");
    let at = phone.now;
    phone.tell(Input::Client(Line::State {
        at,
        state: State::Reconnecting {
            cause: Cause::SignedOut,
            attempt: 1,
            doing: Doing::Waiting { until: at },
            gives_up_at: at,
        },
    }));
    phone.is(&id, ada());
    assert!(phone.did.contains(&Effect::RetryNow), "{:?}", phone.did);
}

#[test]
fn a_profile_is_removed_with_everything_about_it() {
    let (mut phone, id) = Phone::signed_in();
    phone.account(AccountIntent::Remove {
        profile: id.clone(),
    });
    assert!(matches!(orders(&phone.did)[..], [Order::Detach { .. }]));
    let directory = phone.directory();
    assert_eq!(directory.profiles.len(), 1);
    assert_eq!(directory.chosen, "built-in");
    // What comes late is about nobody.
    phone.is(&id, ada());
    assert_eq!(phone.directory().profiles.len(), 1);
    // The built-in agent stays.
    phone.account(AccountIntent::Remove {
        profile: "built-in".to_owned(),
    });
    assert_eq!(phone.directory().profiles.len(), 1);
}

#[test]
fn a_code_for_another_device_says_what_is_left_of_it() {
    let (mut phone, id) = Phone::signed_in();
    let waiting = |expires_in_ms| Account::WaitingForDevice {
        code: "BCDF-GHJK".to_owned(),
        url: URL.to_owned(),
        qr: None,
        expires_in_ms,
    };
    phone.is(&id, waiting(600_000));
    assert_eq!(phone.directory().profiles[1].account, waiting(600_000));
    phone.did.clear();
    phone.wait(90_000);
    phone.tell(Input::Tick);
    assert_eq!(phone.directory().profiles[1].account, waiting(510_000));
    assert!(
        phone.did.is_empty(),
        "time alone is no news: {:?}",
        phone.did
    );
}

#[test]
fn secrets_that_cannot_be_kept_are_the_users_choice() {
    let mut phone = Phone::ready();
    phone.report(Report::Secrets(Err(Problem::KeyringLocked)));
    let problem = Problem::KeyringLocked;
    assert_eq!(phone.directory().secrets, Secrets::Unavailable { problem });
    phone.account(AccountIntent::KeepSecrets {
        place: SecretPlace::Memory,
        passphrase: None,
    });
    assert_eq!(phone.directory().secrets, Secrets::Opening);
    assert!(matches!(
        orders(&phone.did)[..],
        [Order::OpenSecrets {
            place: SecretPlace::Memory,
            ..
        }]
    ));
}

#[test]
fn who_subscribes_is_told_once_and_of_changes_only() {
    let (mut phone, id) = Phone::signed_in();
    phone.is(&id, ada());
    let told = phone
        .did
        .iter()
        .any(|effect| matches!(effect, Effect::Publish(Message::Directory(_))));
    assert!(!told, "nothing has changed");
}
