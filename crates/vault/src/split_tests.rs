//! Splitting under crashes after every single step, and over damage of every kind.

use std::collections::BTreeMap;

use super::*;

/// Slots that crash: after so many changes every further one fails.
#[derive(Default, Clone)]
struct Fragile {
    slots: BTreeMap<String, Vec<u8>>,
    changes_left: Option<usize>,
    /// Slots that have two values, as two programs can make them.
    ambiguous: Vec<String>,
}

impl Fragile {
    fn change(&mut self) -> Result<(), VaultError> {
        match &mut self.changes_left {
            Some(0) => Err(VaultError::Failed {
                detail: "crash".to_owned(),
            }),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// As found after the crash.
    fn restarted(&self) -> Self {
        Self {
            changes_left: None,
            ..self.clone()
        }
    }
}

impl Slots for Fragile {
    fn get(&mut self, slot: &str) -> Result<Option<Secret>, VaultError> {
        if self.ambiguous.iter().any(|other| other == slot) {
            return Err(VaultError::Damaged {
                name: slot.to_owned(),
            });
        }
        Ok(self.slots.get(slot).cloned().map(Secret::new))
    }

    fn set(&mut self, slot: &str, value: &[u8]) -> Result<(), VaultError> {
        self.change()?;
        assert!(value.len() <= SLOT, "{slot} has {}", value.len());
        self.ambiguous.retain(|other| other != slot);
        self.slots.insert(slot.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, slot: &str) -> Result<(), VaultError> {
        self.change()?;
        self.ambiguous.retain(|other| other != slot);
        self.slots.remove(slot);
        Ok(())
    }
}

/// On both sides of every boundary: nothing, one byte, the head's room, a slot, whole parts, more.
const LENGTHS: [usize; 14] = [
    0, 1, 2_516, 2_517, 2_518, 2_559, 2_560, 2_561, 5_119, 5_120, 5_121, 8_192, 100_000, LONGEST,
];

fn name() -> Name {
    Name::new("token").unwrap()
}

/// Bytes that differ by seed everywhere.
fn secret(length: usize, seed: u8) -> Vec<u8> {
    let byte = |at: usize| u8::try_from(at % 251).unwrap().wrapping_mul(7) ^ seed;
    (0..length).map(byte).collect()
}

fn found(slots: &mut Fragile) -> Option<Vec<u8>> {
    read(slots, &name()).unwrap().map(|secret| secret.to_vec())
}

fn holding(length: usize) -> Fragile {
    let mut slots = Fragile::default();
    write(&mut slots, &name(), &secret(length, 1)).unwrap();
    slots
}

fn is_damaged(slots: &mut Fragile) -> bool {
    let damaged = VaultError::Damaged {
        name: "token".to_owned(),
    };
    read(slots, &name()) == Err(damaged)
}

#[test]
fn what_is_written_is_read_at_every_length() {
    for length in LENGTHS {
        let mut slots = holding(length);
        assert_eq!(found(&mut slots), Some(secret(length, 1)), "{length}");
        delete(&mut slots, &name()).unwrap();
        assert_eq!(slots.slots.len(), 0, "{length}");
        assert_eq!(found(&mut slots), None);
    }
}

#[test]
fn more_than_the_longest_is_refused_and_changes_nothing() {
    let mut slots = holding(10);
    let error = write(&mut slots, &name(), &secret(LONGEST + 1, 2)).unwrap_err();
    assert_eq!(
        error,
        VaultError::TooLong {
            length: LONGEST + 1
        }
    );
    assert_eq!(found(&mut slots), Some(secret(10, 1)));
}

#[test]
fn a_crash_after_any_step_of_writing_leaves_the_old_secret_or_the_new() {
    let lengths = [0, 1, 2_517, 2_518, 8_192, 20_000];
    for (old, new) in lengths
        .iter()
        .flat_map(|old| lengths.map(|new| (*old, new)))
    {
        let before = holding(old);
        let mut crashes = 0;
        loop {
            let mut slots = before.clone();
            slots.changes_left = Some(crashes);
            let written = write(&mut slots, &name(), &secret(new, 2));
            let left = slots.changes_left;
            let mut slots = slots.restarted();
            let found = found(&mut slots).expect("one of them is there");
            assert!(
                found == secret(new, 2) || (written.is_err() && found == secret(old, 1)),
                "{old} to {new} after {crashes} changes"
            );
            // The next write clears away whatever the crash left.
            write(&mut slots, &name(), &secret(3, 3)).unwrap();
            assert_eq!(slots.slots.len(), 1, "{old} to {new} after {crashes}");
            if left.is_some_and(|left| left > 0) {
                break;
            }
            crashes += 1;
        }
        assert!(crashes > 0, "it was never interrupted");
    }
}

#[test]
fn a_crash_after_any_step_of_deleting_leaves_the_secret_or_nothing() {
    for length in [1, 8_192, 20_000] {
        for crash in 0.. {
            let mut slots = holding(length);
            slots.changes_left = Some(crash);
            let deleted = delete(&mut slots, &name());
            let mut slots = slots.restarted();
            let expected = (crash == 0).then(|| secret(length, 1));
            assert_eq!(found(&mut slots), expected, "{length} after {crash}");
            delete(&mut slots, &name()).unwrap();
            assert_eq!(slots.slots.len(), 0, "{length} after {crash}");
            if deleted.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn a_missing_part_is_damage_and_writing_heals_it() {
    for number in 0..4 {
        let mut slots = holding(8_192);
        slots.slots.remove(&format!("token/a/{number}")).unwrap();
        assert!(is_damaged(&mut slots), "{number}");
        write(&mut slots, &name(), &secret(8_192, 2)).unwrap();
        assert_eq!(found(&mut slots), Some(secret(8_192, 2)));
    }
}

#[test]
fn a_flipped_bit_anywhere_is_damage() {
    for length in [0, 100, 8_192] {
        let whole = holding(length);
        for (slot, value) in &whole.slots {
            for at in (0..value.len()).step_by(if value.len() > 200 { 37 } else { 1 }) {
                let mut slots = whole.clone();
                slots.slots.get_mut(slot).unwrap()[at] ^= 0x10;
                assert!(is_damaged(&mut slots), "{length}: byte {at} of {slot}");
            }
        }
    }
}

#[test]
fn a_shorter_or_longer_slot_is_damage() {
    for length in [0, 100, 8_192] {
        let whole = holding(length);
        for slot in whole.slots.keys() {
            let mut slots = whole.clone();
            slots.slots.get_mut(slot).unwrap().push(0);
            assert!(is_damaged(&mut slots), "{slot} of {length} is longer");
            let mut slots = whole.clone();
            slots.slots.get_mut(slot).unwrap().pop();
            assert!(is_damaged(&mut slots), "{slot} of {length} is shorter");
            let mut slots = whole.clone();
            slots.slots.get_mut(slot).unwrap().clear();
            assert!(is_damaged(&mut slots), "{slot} of {length} is empty");
        }
    }
}

#[test]
fn something_foreign_under_the_name_is_damage_and_can_be_overwritten_and_deleted() {
    for foreign in [b"".as_slice(), b"hunter2", &[0xff; 2_560]] {
        let mut slots = Fragile::default();
        slots.slots.insert("token".to_owned(), foreign.to_vec());
        assert!(is_damaged(&mut slots));
        let mut healed = slots.clone();
        write(&mut healed, &name(), b"new").unwrap();
        assert_eq!(found(&mut healed), Some(b"new".to_vec()));
        delete(&mut slots, &name()).unwrap();
        assert_eq!(found(&mut slots), None);
    }
}

#[test]
fn a_slot_with_two_values_is_damage_and_writing_heals_it() {
    for (length, slot) in [(10, "token"), (8_192, "token/a/1")] {
        let mut slots = holding(length);
        slots.ambiguous.push(slot.to_owned());
        assert!(is_damaged(&mut slots), "{slot}");
        write(&mut slots, &name(), b"new").unwrap();
        assert_eq!(found(&mut slots), Some(b"new".to_vec()));
        assert_eq!(slots.ambiguous, [""; 0]);
        assert_eq!(slots.slots.len(), 1);
    }
}

#[test]
fn an_entry_under_another_name_is_damage() {
    let mut slots = holding(10);
    let moved = slots.slots.remove("token").unwrap();
    slots.slots.insert("other".to_owned(), moved);
    assert!(read(&mut slots, &Name::new("other").unwrap()).is_err());
}

#[test]
fn a_secret_that_is_written_while_it_is_read_is_read() {
    /// Writes anew while the second part is being fetched.
    struct Busy(Fragile, bool);
    impl Slots for Busy {
        fn get(&mut self, slot: &str) -> Result<Option<Secret>, VaultError> {
            if slot == "token/a/1" && !self.1 {
                self.1 = true;
                write(&mut self.0, &name(), &secret(9_000, 2))?;
            }
            self.0.get(slot)
        }
        fn set(&mut self, _: &str, _: &[u8]) -> Result<(), VaultError> {
            unreachable!("it only reads")
        }
        fn delete(&mut self, _: &str) -> Result<(), VaultError> {
            unreachable!("it only reads")
        }
    }
    let mut slots = Busy(holding(8_192), false);
    let read = read(&mut slots, &name()).unwrap().unwrap();
    assert_eq!(*read, secret(9_000, 2));
}
