//! `offhook login`: signs in once, by the browser or with a code.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is what the command prints"
)]

use std::io::{IsTerminal, stderr};
use std::pin::pin;

use offhook_phone::{
    Account, AccountIntent, Adding, Config, Profile, ProfileKind, QrCode, Secret, SignInWay,
    english,
};
use secrecy::ExposeSecret as _;

use super::{Desk, find};
use crate::args::LoginArgs;
use crate::call::{Error, interrupt, runtime, secret};

pub(crate) fn run(args: &LoginArgs) -> Result<(), Error> {
    runtime()?.block_on(async {
        let config = Config::new(env!("CARGO_PKG_VERSION"), Vec::new());
        let mut desk = Desk::open(config, args.secrets).await?;
        let done = login(&mut desk, args).await;
        desk.stop().await;
        println!("{}", done?);
        Ok(())
    })
}

async fn login(desk: &mut Desk, args: &LoginArgs) -> Result<String, Error> {
    let id = match &args.url {
        Some(url) => added(desk, url).await?,
        None => desk.named(None)?.id,
    };
    let profile = desk.known(&id).await?;
    let place = profile.name.clone();
    match profile.account {
        Account::NotNeeded => return Ok(format!("{place} needs no sign-in.")),
        Account::Unavailable { problem } => return Err(Error::Problem(problem)),
        Account::SignedIn { name, .. } if !args.again => {
            return Ok(format!("You are signed in at {place} as {name} already."));
        }
        Account::Key if !args.again => return Ok(format!("There is a key for {place} already.")),
        Account::NoKey | Account::Key => return with_key(desk, &id, &place).await,
        _ => {}
    }
    let way = if args.device {
        SignInWay::Device
    } else {
        SignInWay::Browser
    };
    let profile = id.clone();
    desk.want(AccountIntent::SignIn { profile, way }).await?;
    let name = signed_in(desk, &id).await?;
    Ok(format!("You are signed in at {place} as {name}."))
}

/// The profile of a bridge, which is added where it is not known.
async fn added(desk: &mut Desk, url: &str) -> Result<String, Error> {
    let url = url.to_owned();
    desk.want(AccountIntent::AddOrganisation { url }).await?;
    desk.until(|directory| directory.adding == Adding::Checking)
        .await?;
    desk.until(|directory| directory.adding != Adding::Checking)
        .await?;
    match desk.directory.adding.clone() {
        Adding::Done { profile } => Ok(profile),
        Adding::Failed { problem } => Err(Error::Problem(problem)),
        Adding::Idle | Adding::Checking => Err(Error::Unable(
            "there are too many places already".to_owned(),
        )),
    }
}

/// A bridge with a token of its own.
async fn with_key(desk: &mut Desk, id: &str, place: &str) -> Result<String, Error> {
    let key = secret("OFFHOOK_ACCESS_TOKEN").ok_or_else(|| {
        Error::Unable(format!(
            "{place} wants a token of its own: set it in OFFHOOK_ACCESS_TOKEN"
        ))
    })?;
    desk.want(AccountIntent::ReplaceKey {
        profile: id.to_owned(),
        key: Secret::from(key.expose_secret().to_owned()),
    })
    .await?;
    desk.until(|directory| directory.adding == Adding::Checking)
        .await?;
    desk.until(|directory| directory.adding != Adding::Checking)
        .await?;
    match &desk.directory.adding {
        Adding::Failed { problem } => Err(Error::Problem(problem.clone())),
        _ => Ok(format!("The token for {place} works, and is kept.")),
    }
}

/// Says what the user has to do, and waits for it.
async fn signed_in(desk: &mut Desk, id: &str) -> Result<String, Error> {
    let mut interrupted = pin!(interrupt());
    let mut told = None;
    desk.until(|directory| account(directory, id) == Some(&Account::Starting))
        .await?;
    loop {
        let now = account(&desk.directory, id).cloned();
        match &now {
            Some(Account::SignedIn { name, .. }) => return Ok(name.clone()),
            Some(Account::SignedOut {
                problem: Some(problem),
            }) => {
                return Err(Error::Problem(problem.clone()));
            }
            Some(Account::Unavailable { problem }) => return Err(Error::Problem(problem.clone())),
            Some(Account::SignedOut { problem: None } | Account::Ended { .. }) | None => {
                return Err(Error::Unable("the sign-in came to nothing".to_owned()));
            }
            Some(waiting) if told.as_ref() != Some(waiting) => {
                tell(waiting);
                told = Some(waiting.clone());
            }
            Some(_) => {}
        }
        let before = now;
        let changed = desk.until(|directory| account(directory, id) != before.as_ref());
        tokio::select! {
            changed = changed => changed?,
            () = &mut interrupted => {
                let profile = id.to_owned();
                desk.want(AccountIntent::CancelSignIn { profile }).await?;
                return Err(Error::Unable("the sign-in was cancelled".to_owned()));
            }
        }
    }
}

fn account<'a>(directory: &'a offhook_phone::Directory, id: &str) -> Option<&'a Account> {
    find(directory, id).map(|profile| &profile.account)
}

fn tell(waiting: &Account) {
    match waiting {
        Account::WaitingForBrowser { url, opened: true } => {
            eprintln!(
                "Sign in in your browser. If no page has opened, open this one:\n\n  {url}\n"
            );
        }
        Account::WaitingForBrowser { url, opened: false } => {
            eprintln!("Open this page in your browser to sign in:\n\n  {url}\n");
        }
        Account::WaitingForDevice {
            code,
            url,
            qr,
            expires_in_ms,
        } => {
            let minutes = expires_in_ms / 60_000;
            eprintln!("On any device, open\n\n  {url}\n\nand type this code:\n\n  {code}\n");
            if let Some(qr) = qr.as_ref().filter(|_| stderr().is_terminal()) {
                eprintln!("{}\n", drawn(qr));
            }
            eprintln!("It is good for {minutes} minutes. Waiting …");
        }
        _ => {}
    }
}

/// A QR code for a terminal: two rows a line, dark on light whatever the terminal's colours.
fn drawn(qr: &QrCode) -> String {
    let size = i64::from(qr.size);
    let modules = qr.modules.as_bytes();
    let is_dark = |x: i64, y: i64| {
        let inside = (0..size).contains(&x) && (0..size).contains(&y);
        let at = usize::try_from(y * size + x).unwrap_or(usize::MAX);
        inside && modules.get(at) == Some(&b'#')
    };
    let line = |y: i64| {
        let modules = (-4..size + 4).map(|x| match (is_dark(x, y), is_dark(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        format!("\x1b[30;107m{}\x1b[0m", modules.collect::<String>())
    };
    let lines: Vec<String> = (-4..size + 4).step_by(2).map(line).collect();
    lines.join("\n")
}

/// One line about a profile.
pub(super) fn described(profile: &Profile) -> String {
    match &profile.account {
        Account::NotNeeded => match profile.kind {
            ProfileKind::BuiltIn => "needs no sign-in and no network".to_owned(),
            _ => "needs no sign-in".to_owned(),
        },
        Account::Unknown | Account::Starting => "is being asked".to_owned(),
        Account::Unavailable { problem } => english(problem),
        Account::SignedOut { problem: None } => "signed out".to_owned(),
        Account::SignedOut {
            problem: Some(problem),
        } => format!("signed out: {}", english(problem)),
        Account::WaitingForBrowser { .. } | Account::WaitingForDevice { .. } => {
            "waits for you to sign in".to_owned()
        }
        Account::SignedIn { name, email } => match email.as_ref().filter(|email| *email != name) {
            Some(email) => format!("signed in as {name} ({email})"),
            None => format!("signed in as {name}"),
        },
        Account::Ended { name } => format!("the sign-in as {name} has ended; sign in again"),
        Account::Key => "a key is kept".to_owned(),
        Account::NoKey => "there is no key".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_with_its_quiet_zone() {
        let qr = QrCode {
            size: 2,
            modules: "# ##".to_owned(),
        };
        let drawn = drawn(&qr);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[2].contains("    █▄    "), "{drawn}");
        assert!(lines[0].contains(&" ".repeat(10)), "{drawn}");
    }
}
