//! The list of profiles on the disk: written as a whole, and put aside where it cannot be read.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::model::Book;
use crate::problem::Problem;

const NAME: &str = "profiles.json";
/// The form of it.
const VERSION: u32 = 1;
/// Nobody's is larger.
const MAX: u64 = 1 << 20;

/// What is remembered in `folder`, and what was wrong with it: what cannot be read is put aside, and
/// nothing is lost.
pub(crate) fn read(folder: &Path) -> (Book, Option<Problem>) {
    let path = folder.join(NAME);
    match try_read(&path) {
        Ok(book) => (book, None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Book::default(), None),
        Err(error) => {
            tracing::warn!("{} cannot be used: {error}", path.display());
            let aside = aside(&path);
            let problem = Problem::ProfilesDamaged {
                path: aside.display().to_string(),
            };
            (Book::default(), Some(problem))
        }
    }
}

fn try_read(path: &Path) -> io::Result<Book> {
    if fs::metadata(path)?.len() > MAX {
        return Err(io::Error::other("it is too large"));
    }
    let book: Book = serde_json::from_slice(&fs::read(path)?)?;
    if book.version > VERSION {
        return Err(io::Error::other("it was written by a newer version"));
    }
    Ok(book)
}

/// Puts a file aside under a name that no other has.
fn aside(path: &Path) -> PathBuf {
    let name = |number: u32| path.with_extension(format!("damaged-{number}.json"));
    let free = (1..).map(name).find(|path| !path.exists());
    let free = free.unwrap_or_else(|| name(0));
    if let Err(error) = fs::rename(path, &free) {
        tracing::warn!("{} stays where it is: {error}", path.display());
        return path.to_owned();
    }
    free
}

/// Writes what is to be remembered: whoever reads finds the old or the new, whatever happens.
pub(super) fn write(folder: &Path, book: &Book) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let book = Book {
        version: VERSION,
        ..book.clone()
    };
    let text = serde_json::to_vec_pretty(&book)?;
    let (path, new) = (folder.join(NAME), folder.join(format!("{NAME}.new")));
    let mut file = File::create(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&new, &path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, process};

    #[test]
    fn what_is_written_is_read_and_what_cannot_be_is_put_aside() {
        let folder = env::temp_dir().join(format!("offhook-book-{}", process::id()));
        assert_eq!(read(&folder), (Book::default(), None));
        let book = Book {
            chosen: Some("a".to_owned()),
            ..Book::default()
        };
        write(&folder, &book).unwrap();
        let (found, problem) = read(&folder);
        assert_eq!((found.chosen.as_deref(), problem), (Some("a"), None));
        for bad in ["{", r#"{"version": 2}"#, "true"] {
            fs::write(folder.join(NAME), bad).unwrap();
            let (found, problem) = read(&folder);
            assert_eq!(found, Book::default());
            let Some(Problem::ProfilesDamaged { path }) = problem else {
                panic!("{problem:?}");
            };
            assert_eq!(fs::read_to_string(path).unwrap(), bad);
            assert_eq!(read(&folder), (Book::default(), None));
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
