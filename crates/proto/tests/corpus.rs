//! What fuzzing found worth keeping, through the same functions.

mod fuzzed;

use std::fs;
use std::path::Path;

use fuzzed::TARGETS;

#[test]
fn the_corpus_shows_no_fault() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in TARGETS {
        let folder = top.join(name);
        let entries = fs::read_dir(&folder).expect("every target has a corpus");
        let mut count = 0;
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            let bytes = fs::read(&path).expect("the file can be read");
            // Said before, as a fault may be a panic.
            println!("{}", path.display());
            target(&bytes);
            count += 1;
        }
        assert!(count >= 10, "{}: {count} files", folder.display());
    }
}
