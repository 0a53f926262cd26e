//! The encrypted files on a real file system: what is in them, who can read them, what damage does.

use std::env;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::*;

/// A folder of its own that goes with its guard.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("offhook-vault-{}-{number}", process::id());
        Self(env::temp_dir().join(name))
    }

    fn open(&self, passphrase: &str) -> Result<Folder, VaultError> {
        Folder::open(&self.0, &passphrase.into())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in the folder for temporary files is the system's to clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

#[test]
fn secrets_of_every_length_are_there_after_reopening() {
    let scratch = Scratch::new();
    let mut folder = scratch.open("pass").unwrap();
    let lengths = [0, 1, 2_559, 2_560, 2_561, 8_192, 100_000];
    for length in lengths {
        let secret = vec![0xa5; length];
        folder.write(&name(&format!("s{length}")), &secret).unwrap();
    }
    let mut folder = scratch.open("pass").unwrap();
    for length in lengths {
        let entry = name(&format!("s{length}"));
        assert_eq!(*folder.read(&entry).unwrap().unwrap(), vec![0xa5; length]);
        folder.delete(&entry).unwrap();
        assert_eq!(folder.read(&entry).unwrap(), None);
    }
}

#[test]
fn the_files_show_nothing_and_are_for_this_user_only() {
    let scratch = Scratch::new();
    let mut folder = scratch.open("pass").unwrap();
    folder.write(&name("token"), b"plain-to-see").unwrap();
    let mut files = Vec::new();
    for entry in fs::read_dir(&scratch.0).unwrap() {
        let entry = entry.unwrap();
        let content = fs::read(entry.path()).unwrap();
        let encoded = STANDARD.encode("plain-to-see");
        for text in [b"plain-to-see".as_slice(), b"token", encoded.as_bytes()] {
            assert!(!content.windows(text.len()).any(|window| window == text));
        }
        #[cfg(unix)]
        assert_eq!(mode(&entry.path()), 0o600);
        files.push(entry.file_name().into_string().unwrap());
    }
    files.sort();
    assert_eq!(files, ["key.age", "lock", "secrets.age"]);
    #[cfg(unix)]
    assert_eq!(mode(&scratch.0), 0o700);
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_wrong_or_empty_passphrase_opens_nothing_and_changes_nothing() {
    let scratch = Scratch::new();
    let path = scratch.file("key.age");
    let wrong = VaultError::WrongPassphrase { path };
    assert_eq!(scratch.open("").err(), Some(wrong.clone()));
    assert!(!scratch.0.exists());
    let mut folder = scratch.open("pass").unwrap();
    folder.write(&name("token"), b"secret").unwrap();
    assert_eq!(scratch.open("Pass").err(), Some(wrong));
    let read = scratch.open("pass").unwrap().read(&name("token")).unwrap();
    assert_eq!(*read.unwrap(), b"secret");
}

#[test]
fn damage_to_either_file_is_said_and_never_papered_over() {
    let scratch = Scratch::new();
    let mut folder = scratch.open("pass").unwrap();
    folder.write(&name("token"), b"secret").unwrap();
    for file in ["secrets.age", "key.age"] {
        let path = scratch.file(file);
        let whole = fs::read(&path).unwrap();
        let damaged = Some(VaultError::DamagedFile { path: path.clone() });
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for spoilt in [&flipped[..], &whole[..whole.len() / 3], b""] {
            fs::write(&path, spoilt).unwrap();
            let read = |folder: &mut Folder| folder.read(&name("token"));
            let write = |folder: &mut Folder| folder.write(&name("other"), b"x");
            let open = || scratch.open("pass");
            assert_eq!(open().and_then(|mut it| read(&mut it)).err(), damaged);
            assert_eq!(open().and_then(|mut it| write(&mut it)).err(), damaged);
            assert_eq!(fs::read(&path).unwrap(), spoilt, "it is left as it is");
        }
        fs::write(&path, &whole).unwrap();
    }
    fs::remove_file(scratch.file("key.age")).unwrap();
    let path = scratch.file("key.age");
    let damaged = Some(VaultError::DamagedFile { path });
    assert_eq!(scratch.open("pass").err(), damaged);
}

#[test]
fn what_a_crash_left_over_is_in_nobodys_way() {
    let scratch = Scratch::new();
    let mut folder = scratch.open("pass").unwrap();
    folder.write(&name("token"), b"old").unwrap();
    fs::write(scratch.file("secrets.new"), b"half of a file").unwrap();
    assert_eq!(*folder.read(&name("token")).unwrap().unwrap(), b"old");
    folder.write(&name("token"), b"new").unwrap();
    assert_eq!(*folder.read(&name("token")).unwrap().unwrap(), b"new");
    assert!(!scratch.file("secrets.new").exists());
}

#[test]
fn what_cannot_be_written_is_an_error_with_the_file_and_keeps_the_old() {
    let scratch = Scratch::new();
    let mut folder = scratch.open("pass").unwrap();
    folder.write(&name("token"), b"old").unwrap();
    // A folder in the way of the new file, which no user may write over.
    fs::create_dir(scratch.file("secrets.new")).unwrap();
    let error = folder.write(&name("token"), b"new").unwrap_err();
    let path = scratch.file("secrets.age");
    assert!(
        matches!(&error, VaultError::File { path: at, .. } if *at == path),
        "{error}"
    );
    assert_eq!(*folder.read(&name("token")).unwrap().unwrap(), b"old");
    let nowhere = scratch.file("lock").join("below");
    let error = Folder::open(&nowhere, &"pass".into()).err().unwrap();
    assert!(matches!(error, VaultError::File { .. }), "{error}");
}

#[test]
fn two_that_write_at_the_same_time_lose_nothing() {
    let scratch = Scratch::new();
    scratch.open("pass").unwrap();
    thread::scope(|scope| {
        for writer in ["one", "two"] {
            let mut folder = scratch.open("pass").unwrap();
            scope.spawn(move || {
                for number in 0..40 {
                    let entry = name(&format!("{writer}-{number}"));
                    folder.write(&entry, writer.as_bytes()).unwrap();
                }
            });
        }
    });
    let secrets = scratch.open("pass").unwrap().load().unwrap().secrets;
    assert_eq!(secrets.len(), 80);
}
