//! What is to be done about profiles and accounts, and what becomes of it.

use super::AgentEntry;
use super::book::{Book, Entry, Offer};
use crate::problem::Problem;
use crate::snapshot::{Account, Secret, SecretPlace, SignInWay};

/// Something to be done about profiles and accounts.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Open the place for secrets.
    OpenSecrets {
        /// Which.
        place: SecretPlace,
        /// The passphrase, for a file.
        passphrase: Option<Secret>,
    },
    /// Write down what is to be remembered.
    Remember(Book),
    /// Find out who the user is at a profile, and what the bridge says of itself.
    Attach(Entry),
    /// Ask a bridge that is not known yet what it says of itself.
    Find {
        /// Its address.
        url: String,
    },
    /// Try an API key, and keep it if it works.
    TryKey {
        /// The profile; it is in the book only once the key works.
        entry: Entry,
        /// The key.
        key: Secret,
    },
    /// Begin to sign in.
    SignIn {
        /// The profile's id.
        profile: String,
        /// How.
        way: SignInWay,
    },
    /// Open the sign-in page once more.
    OpenBrowser {
        /// The profile's id.
        profile: String,
    },
    /// Do not wait any longer.
    CancelSignIn {
        /// The profile's id.
        profile: String,
    },
    /// Sign out, or forget the key.
    SignOut {
        /// The profile's id.
        profile: String,
    },
    /// The same, and do not come back to it.
    Detach {
        /// The profile's id.
        profile: String,
    },
    /// Ask who can be called.
    List {
        /// The profile's id.
        profile: String,
    },
    /// Stop whatever is being found or tried.
    StopAdding,
}

/// What became of an order, or happened by itself.
#[derive(Debug)]
pub enum Report {
    /// The place for secrets is open, or not.
    Secrets(Result<SecretPlace, Problem>),
    /// Who the user is at a profile.
    Account {
        /// The profile's id.
        profile: String,
        /// The news.
        account: Account,
    },
    /// What a bridge says of itself.
    Offer {
        /// The profile's id.
        profile: String,
        /// The news.
        offer: Offer,
    },
    /// A bridge was found, or not.
    Found {
        /// Its address.
        url: String,
        /// What it says, or why not.
        offer: Result<Offer, Problem>,
    },
    /// A key was tried, and kept if it works.
    KeyTried {
        /// The profile.
        entry: Entry,
        /// Why it does not work.
        result: Result<(), Problem>,
    },
    /// Who can be called.
    Agents {
        /// The profile's id.
        profile: String,
        /// The agents, or why not.
        agents: Result<Vec<AgentEntry>, Problem>,
    },
    /// What is to be remembered could not be written, or what was could not be read.
    NotRemembered(Problem),
}
