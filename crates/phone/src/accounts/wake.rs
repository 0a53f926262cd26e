//! After the machine slept, or its network came back: sign-ins are looked after before a call needs
//! them.

use std::sync::Weak;

use offhook_client::{ClockChange, ClockWatch, NetworkChange, NetworkWatch};

use super::member::Access;
use super::{Accounts, Inner};

/// Watches for as long as there are accounts.
pub(super) async fn watch(accounts: Weak<Inner>) {
    let (mut clocks, mut network) = (ClockWatch::start(), NetworkWatch::start());
    loop {
        let awake = tokio::select! {
            change = clocks.next_change() => matches!(change, ClockChange::Slept(_)),
            change = network.changed() => !matches!(change, NetworkChange::Down),
        };
        let Some(accounts) = accounts.upgrade().map(Accounts) else {
            return;
        };
        if awake {
            accounts.look_after();
        }
    }
}

impl Accounts {
    /// Has a fresh access token brought wherever somebody is signed in.
    fn look_after(&self) {
        for member in self.state().members.values() {
            if let Access::SignedIn { keeper, .. } = &member.access {
                let keeper = keeper.clone();
                // Whoever needs the token asks again, and is told why there is none.
                tokio::spawn(async move { keeper.access(None).await.map(drop) });
            }
        }
    }
}
