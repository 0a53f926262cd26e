//! Files that only this user can read, replaced as a whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Makes a folder, with those above it, for this user only. One that is there stays as it is.
///
/// # Errors
/// What the file system says.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens a file whose only use is to be locked.
///
/// # Errors
/// What the file system says.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    private().create(true).truncate(false).open(path)
}

/// Puts a file with this content in the place of what was there. It is on the disk when this
/// returns; after a crash the old content is there or the new one. Only one program may do this to
/// a file at a time.
///
/// # Errors
/// What the file system says; the old content is unchanged.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let replaced = write_new(&new, content).and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        // What is left of it may be what filled the disk.
        let _ = fs::remove_file(&new);
    }
    replaced?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        // The new name has to be on the disk too.
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    // Left over by a crash.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private().create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
