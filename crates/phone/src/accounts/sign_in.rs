//! Signing in: the browser, or a code for another device.

use std::sync::Arc;

use offhook_client::ProofKey;
use offhook_signin::{Keeper, Provider, Standing};
use qrcode::{Color, QrCode as Code};

use super::Accounts;
use super::member::{Access, account};
use crate::problem::Problem;
use crate::snapshot::{Account, QrCode, SignInWay};

impl Accounts {
    pub(super) fn begin_sign_in(&self, profile: &str, way: SignInWay) {
        let mut state = self.state();
        let Some(member) = state.members.get_mut(profile) else {
            return;
        };
        let Access::SignedIn { keeper, provider } = &member.access else {
            return;
        };
        let (this, profile) = (self.clone(), profile.to_owned());
        let (keeper, provider) = (keeper.clone(), Arc::clone(provider));
        let signing_in = tokio::spawn(async move {
            let outcome = match way {
                SignInWay::Browser => this.by_browser(&profile, &keeper, &provider).await,
                SignInWay::Device => this.by_device(&profile, &keeper, &provider).await,
            };
            if let Some(member) = this.state().members.get_mut(&profile) {
                (member.signing_in, member.page) = (None, None);
            }
            let account = account(&keeper.standing().borrow(), outcome.err());
            this.tell(&profile, account).await;
        });
        if let Some(before) = member.signing_in.replace(signing_in.abort_handle()) {
            before.abort();
        }
    }

    async fn by_browser(
        &self,
        profile: &str,
        keeper: &Keeper,
        provider: &Provider,
    ) -> Result<(), Problem> {
        let hint = match &*keeper.standing().borrow() {
            Standing::Ended(user) => user.email.clone(),
            Standing::SignedOut | Standing::SignedIn(_) => None,
        };
        let (key, texts) = (new_key()?, self.0.config.texts.clone());
        let sign_in = provider.begin_browser(key, hint.as_deref(), texts).await?;
        let url = sign_in.url().to_string();
        if let Some(member) = self.state().members.get_mut(profile) {
            member.page = Some(url.clone());
        }
        let opened = self.open_page(url.clone()).await;
        self.tell(profile, Account::WaitingForBrowser { url, opened })
            .await;
        keeper.adopt(sign_in.finish().await?).await?;
        Ok(())
    }

    async fn by_device(
        &self,
        profile: &str,
        keeper: &Keeper,
        provider: &Provider,
    ) -> Result<(), Problem> {
        let sign_in = provider.begin_device(new_key()?).await?;
        let url = sign_in.verification_url().to_string();
        let complete = sign_in.complete_url();
        if let Some(member) = self.state().members.get_mut(profile) {
            member.page = Some(
                complete
                    .as_ref()
                    .map_or_else(|| url.clone(), ToString::to_string),
            );
        }
        let expires_in_ms = sign_in.expires_in().as_millis();
        let account = Account::WaitingForDevice {
            code: sign_in.user_code().to_owned(),
            qr: qr(complete.as_ref().map_or(&url, |complete| complete.as_str())),
            url,
            expires_in_ms: u32::try_from(expires_in_ms).unwrap_or(u32::MAX),
        };
        self.tell(profile, account).await;
        keeper.adopt(sign_in.finish().await?).await?;
        Ok(())
    }

    pub(super) fn cancel_sign_in(&self, profile: String) {
        if !self.stop_sign_in(&profile) {
            return;
        }
        let standing = match self.state().members.get(&profile).map(|it| &it.access) {
            Some(Access::SignedIn { keeper, .. }) => keeper.standing().borrow().clone(),
            _ => return,
        };
        let this = self.clone();
        tokio::spawn(async move { this.tell(&profile, account(&standing, None)).await });
    }

    /// Whether there was one to stop.
    pub(super) fn stop_sign_in(&self, profile: &str) -> bool {
        let mut state = self.state();
        let Some(member) = state.members.get_mut(profile) else {
            return false;
        };
        member.page = None;
        let stopped = member.signing_in.take();
        if let Some(signing_in) = &stopped {
            signing_in.abort();
        }
        stopped.is_some()
    }
}

/// Each sign-in has a key of its own.
fn new_key() -> Result<Arc<ProofKey>, Problem> {
    let key = ProofKey::generate().map_err(|error| Problem::SignInFailed {
        detail: error.to_string(),
    })?;
    Ok(Arc::new(key))
}

fn qr(url: &str) -> Option<QrCode> {
    let code = Code::new(url).ok()?;
    let modules = code.to_colors().into_iter().map(|color| match color {
        Color::Dark => '#',
        Color::Light => ' ',
    });
    Some(QrCode {
        size: u32::try_from(code.width()).ok()?,
        modules: modules.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_square_with_its_three_corners() {
        let qr = qr("https://login.example/device?user_code=BCDF-GHJK").unwrap();
        let size = qr.size as usize;
        assert_eq!(qr.modules.len(), size * size);
        let row: Vec<&str> = (0..size)
            .map(|y| &qr.modules[y * size..(y + 1) * size])
            .collect();
        for (x, y) in [(0, 0), (size - 7, 0), (0, size - 7)] {
            assert_eq!(&row[y][x..x + 7], "#######");
            assert_eq!(&row[y + 1][x..x + 7], "#     #");
        }
        assert!(super::qr(&"x".repeat(5000)).is_none());
    }
}
