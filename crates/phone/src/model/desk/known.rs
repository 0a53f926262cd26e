//! One profile, as far as it is known.

use std::sync::Arc;

use offhook_client::proto::Time;

use crate::model::AgentEntry;
use crate::model::book::Entry;
use crate::snapshot::{Account, Listing, Profile, ProfileKind};

/// A profile and what is known of it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) profile: Profile,
    pub(super) agents: Vec<Arc<AgentEntry>>,
    pub(super) listing: Listing,
    /// When a code for another device expires; long ago where there is none.
    pub(super) expires: Time,
}

impl Known {
    pub(super) fn new(entry: &Entry) -> Self {
        Self {
            profile: Profile {
                id: entry.id.clone(),
                name: entry.name.clone(),
                kind: entry.kind.clone(),
                account: Account::Unknown,
            },
            agents: Vec::new(),
            listing: Listing::Loading,
            expires: Time::ZERO,
        }
    }

    /// Whether there is something to sign out of.
    pub(super) fn can_sign_out(&self) -> bool {
        matches!(
            self.profile.account,
            Account::Ended { .. } | Account::SignedIn { .. } | Account::Key
        )
    }

    /// Whether a sign-in may begin: not twice at a time, and not where there is none.
    pub(super) fn can_sign_in(&self) -> bool {
        matches!(
            self.profile.account,
            Account::SignedOut { .. } | Account::Ended { .. } | Account::SignedIn { .. }
        )
    }
}

/// The host in a profile's address; the address itself where it is none.
pub(super) fn host(kind: &ProfileKind) -> &str {
    let (ProfileKind::Organisation { url } | ProfileKind::Direct { url, .. }) = kind else {
        return "";
    };
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}
