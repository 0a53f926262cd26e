//! What is wrong with files, and clients that say nothing.

use rcgen::{CertificateParams, KeyPair};
use tokio::io::duplex;

use super::*;

/// A folder with a certificate and its key, gone when dropped.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("offhook-tls-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        let folder = Self { path };
        let (certificate, key) = pair();
        fs::write(&folder.files().certificate, certificate).unwrap();
        fs::write(&folder.files().key, key).unwrap();
        folder
    }

    fn files(&self) -> TlsConfig {
        TlsConfig::new(self.path.join("chain.pem"), self.path.join("key.pem"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

/// A certificate and its key, in PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn what_is_wrong_with_the_files_is_said_without_a_word_of_the_key() {
    let folder = Folder::new("wrong");
    let files = folder.files();
    let said = || files.check().unwrap_err().to_string();
    assert!(files.check().is_ok());
    let (certificate, key) = pair();
    fs::write(&files.key, &key).unwrap();
    assert!(
        said().contains("does not belong to the certificate"),
        "{}",
        said()
    );
    fs::write(&files.certificate, &key).unwrap();
    assert!(said().contains("no certificate in PEM"), "{}", said());
    fs::write(&files.certificate, &certificate).unwrap();
    assert!(files.check().is_ok());
    let half = &key[..key.len() / 2];
    fs::write(&files.key, half).unwrap();
    assert!(said().contains("no private key in PEM"), "{}", said());
    let word = half.lines().nth(1).unwrap();
    assert!(!said().contains(word) && !format!("{:?}", files.check()).contains(word));
    fs::remove_file(&files.key).unwrap();
    assert!(said().contains("key.pem"), "{}", said());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_let_go() {
    let folder = Folder::new("silent");
    let tls = Tls::new(&folder.files()).unwrap();
    let (_client, server) = duplex(1024);
    let clock = Clock::start();
    let error = tls.accept(server).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let waited = clock.now().since_start();
    assert!((HANDSHAKE..HANDSHAKE * 2).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn files_that_change_are_noticed_without_being_asked() {
    let folder = Folder::new("watched");
    let certificate = Certificate::load(folder.files()).unwrap();
    let shown = || Arc::clone(&certificate.current.certified.read().unwrap()).cert[0].clone();
    let before = shown();
    let watched = tokio::spawn(certificate.clone().watch(Clock::start()));
    // The key is the new one's before the certificate is: what was there stays.
    let (new, key) = pair();
    fs::write(folder.files().key, key).unwrap();
    let clock = Clock::start();
    let until = |seconds| clock.wait(Some(clock.now() + Duration::from_secs(seconds)));
    let looked = || certificate.current.looked.lock().unwrap().clone();
    let first = looked();
    let minutes = Duration::from_secs(600);
    let refused = async {
        while looked() == first {
            until(1).await;
        }
    };
    timeout(minutes, refused).await.unwrap();
    assert_eq!(shown(), before);
    fs::write(folder.files().certificate, &new).unwrap();
    let taken = async {
        while shown() == before {
            until(1).await;
        }
    };
    timeout(minutes, taken).await.unwrap();
    let new = CertificateDer::from_pem_slice(new.as_bytes()).unwrap();
    assert_eq!(shown(), new);
    watched.abort();
}
