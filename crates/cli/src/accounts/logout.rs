//! `offhook logout`: the sign-in service is told, and nothing is kept.
#![allow(clippy::print_stdout, reason = "this is what the command prints")]

use offhook_phone::{Account, AccountIntent, Config};

use super::{Desk, find};
use crate::args::LogoutArgs;
use crate::call::{Error, runtime};

pub(crate) fn run(args: &LogoutArgs) -> Result<(), Error> {
    runtime()?.block_on(async {
        let config = Config::new(env!("CARGO_PKG_VERSION"), Vec::new());
        let mut desk = Desk::open(config, args.secrets).await?;
        let done = logout(&mut desk, args.at.as_deref()).await;
        desk.stop().await;
        println!("{}", done?);
        Ok(())
    })
}

async fn logout(desk: &mut Desk, at: Option<&str>) -> Result<String, Error> {
    let id = desk.named(at)?.id;
    let profile = desk.known(&id).await?;
    match profile.account {
        Account::NotNeeded => return Ok(format!("{} needs no sign-in.", profile.name)),
        Account::SignedOut { problem: None } | Account::NoKey => {
            return Ok(format!("You are signed out at {} already.", profile.name));
        }
        Account::Unavailable { problem } => return Err(Error::Problem(problem)),
        _ => {}
    }
    let out = id.clone();
    desk.want(AccountIntent::SignOut { profile: out }).await?;
    desk.until(|directory| {
        let account = find(directory, &id).map(|profile| &profile.account);
        // Unknown while it is under way: whoever left then would stay signed in.
        !matches!(
            account,
            Some(
                Account::SignedIn { .. } | Account::Ended { .. } | Account::Key | Account::Unknown
            )
        )
    })
    .await?;
    match find(&desk.directory, &id).map(|profile| &profile.account) {
        Some(
            Account::SignedOut {
                problem: Some(problem),
            }
            | Account::Unavailable { problem },
        ) => Err(Error::Problem(problem.clone())),
        _ => Ok(format!("You are signed out at {}.", profile.name)),
    }
}
