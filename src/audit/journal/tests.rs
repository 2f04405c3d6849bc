use proptest::prelude::*;
use tempfile::TempDir;

use super::super::store::{Directory, Store as _};
use super::*;

const SMALL: u64 = 600;

fn started() -> (TempDir, Directory) {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Directory::open(directory.path()).unwrap().unwrap();
    store.begin_with(Journal::with_capacity(directory.path(), SMALL).unwrap());
    (directory, store)
}

fn segment(directory: &Path) -> Vec<u8> {
    fs::read(directory.join(segment_name(1))).unwrap()
}

/// What the disk holds when nothing of the segment got there by itself after its last sync: of
/// what was written since, `kept` bytes at the end of a run of zeros, or nothing at all.
fn after_power_failure(directory: &Path, synced: usize, zeros: bool, kept: usize) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::copy(directory.join(JOURNAL), copy.path().join(JOURNAL)).unwrap();
    let mut bytes = segment(directory);
    if zeros {
        let end = bytes.len().saturating_sub(kept).max(synced);
        bytes[synced..end].fill(0);
    } else {
        bytes.truncate(synced);
    }
    fs::write(copy.path().join(segment_name(1)), bytes).unwrap();
    copy
}

/// How much of a segment of that length was synced when its last lap in the journal began.
fn synced(directory: &Path, length: usize) -> usize {
    let journal = fs::read(directory.join(JOURNAL)).unwrap();
    let mut offsets = entries(&journal).map(|(place, bytes)| {
        usize::try_from(place.offset).map(|at| (at, at + bytes.len())).unwrap()
    });
    let first = offsets.next();
    let last = offsets.last().or(first);
    match (first, last) {
        (Some((start, _)), Some((_, end))) if end == length => start,
        // The journal is of the lap before: the segment itself was synced.
        _ => length,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_power_failure_after_any_sync_takes_what_was_synced(
        writes in prop::collection::vec((1_usize..900, any::<bool>(), any::<bool>(), 0_usize..300), 1..24),
    ) {
        let (directory, mut store) = started();
        let mut length = 0_usize;
        for (turn, (size, sync, zeros, kept)) in writes.into_iter().enumerate() {
            let byte = b'a' + u8::try_from(turn % 26).unwrap();
            store.write(1, length as u64, &vec![byte; size]).unwrap();
            length += size;
            if !sync {
                continue;
            }
            store.sync().unwrap();
            let whole = segment(directory.path());
            let synced = synced(directory.path(), whole.len());
            let copy = after_power_failure(directory.path(), synced, zeros, kept);
            restore(copy.path()).unwrap();
            prop_assert_eq!(segment(copy.path()), whole);
        }
    }

    #[test]
    fn bytes_that_are_no_journal_change_the_log(
        garbage in prop::collection::vec(any::<u8>(), 0..2000),
        at in any::<prop::sample::Index>(),
        splice in any::<bool>(),
    ) {
        let (directory, mut store) = started();
        store.write(1, 0, b"first\n").unwrap();
        store.sync().unwrap();
        let path = directory.path().join(JOURNAL);
        let bytes = if splice {
            let mut bytes = fs::read(&path).unwrap();
            let at = at.index(HEADER + 6);
            let end = bytes.len().min(at + garbage.len());
            bytes[at..end].copy_from_slice(&garbage[..end - at]);
            bytes
        } else {
            garbage
        };
        fs::write(&path, bytes).unwrap();
        let copy = after_power_failure(directory.path(), 6, false, 0);
        prop_assert_eq!(restore(copy.path()).unwrap(), 0);
        prop_assert_eq!(segment(copy.path()), b"first\n");
    }
}

#[test]
fn an_entry_that_was_not_finished_is_put_back_in_part() {
    let (directory, mut store) = started();
    store.write(1, 0, b"first\n").unwrap();
    store.sync().unwrap();
    store.write(1, 6, b"second\n").unwrap();
    store.sync().unwrap();
    let whole = fs::read(directory.path().join(JOURNAL)).unwrap();
    let end = 2 * HEADER + b"first\nsecond\n".len();
    for byte in HEADER + 6..end {
        let copy = after_power_failure(directory.path(), 0, false, 0);
        let mut torn = whole.clone();
        torn[byte] ^= 1;
        fs::write(copy.path().join(JOURNAL), torn).unwrap();
        assert_eq!(restore(copy.path()).unwrap(), 6);
        assert_eq!(segment(copy.path()), b"first\n");
    }
}

#[test]
fn what_an_earlier_lap_left_behind_is_put_back_over_a_later_one() {
    let (directory, mut store) = started();
    let mut length = 0;
    for turn in 0..40_u64 {
        let line = format!("{turn:->40}\n");
        store.write(1, length, line.as_bytes()).unwrap();
        length += line.len() as u64;
        store.sync().unwrap();
        let journal = fs::read(directory.path().join(JOURNAL)).unwrap();
        let mut expected = None;
        for (place, bytes) in entries(&journal) {
            assert_eq!(*expected.get_or_insert(place.offset), place.offset);
            expected = Some(place.offset + bytes.len() as u64);
        }
    }
}

#[test]
fn a_journal_of_another_segment_writes_into_the_last_one() {
    let (directory, mut store) = started();
    store.write(1, 0, b"first\n").unwrap();
    store.sync().unwrap();
    fs::write(directory.path().join(segment_name(2)), b"").unwrap();
    assert_eq!(restore(directory.path()).unwrap(), 0);
    assert_eq!(fs::read(directory.path().join(segment_name(2))).unwrap(), b"");
}

#[test]
fn bytes_that_do_not_follow_the_segment_leave_a_hole_in_it() {
    let (directory, mut store) = started();
    store.write(1, 0, b"first\n").unwrap();
    store.settle().unwrap();
    store.write(1, 6, b"second\n").unwrap();
    store.sync().unwrap();
    let copy = after_power_failure(directory.path(), 3, false, 0);
    assert_eq!(restore(copy.path()).unwrap(), 0);
    assert_eq!(segment(copy.path()), b"fir");
}

#[test]
fn a_segment_that_says_something_else_is_written_over() {
    let (directory, mut store) = started();
    store.write(1, 0, b"first\n").unwrap();
    store.sync().unwrap();
    let path = directory.path().join(segment_name(1));
    for other in [&b"fist\n"[..], b"First\n", b"\0irst!", b"xx"] {
        fs::write(&path, other).unwrap();
        assert_eq!(restore(directory.path()).unwrap(), 0);
        assert_eq!(fs::read(&path).unwrap(), other);
    }
    fs::write(&path, b"\0\0rst\0\0").unwrap();
    assert_eq!(restore(directory.path()).unwrap(), 3);
    assert_eq!(fs::read(&path).unwrap(), b"first\n\0");
}

#[test]
fn a_record_counts_as_safe_that_the_journal_could_not_take() {
    let (directory, _) = started();
    let mut journal = Journal::with_capacity(directory.path(), SMALL).unwrap();
    let good = std::mem::replace(
        &mut journal.file,
        OpenOptions::new().write(true).open("/dev/full").unwrap(),
    );
    journal.note(1, 0, b"first\n");
    assert!(!journal.flush());
    journal.file = good;
    journal.note(1, 6, b"second\n");
    assert!(!journal.flush(), "the first is in neither");
    journal.begin();
    journal.note(1, 13, b"third\n");
    assert!(journal.flush());
}

#[test]
fn the_end_of_a_segment_is_safe_in_the_journal_alone_when_the_next_one_is_begun() {
    let (directory, mut store) = started();
    store.write(1, 0, b"first\n").unwrap();
    store.sync().unwrap();
    store.write(2, 0, b"second\n").unwrap();
    store.sync().unwrap();
    let journal = fs::read(directory.path().join(JOURNAL)).unwrap();
    let segments: Vec<_> = entries(&journal).map(|(place, _)| place.segment).collect();
    assert_eq!(segments, [2], "a start restores the last segment only");
}

#[test]
fn what_a_failed_sync_has_lost_stays_lost() {
    let (directory, mut store) = started();
    store.write(1, 0, b"first\n").unwrap();
    store.sync().unwrap();
    store.write(1, 6, b"second\n").unwrap();
    store.sync().unwrap();
    let path = directory.path().join(segment_name(1));
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0; 10], 2).unwrap();
    write_again(directory.path(), 2, &file).unwrap();
    assert_ne!(fs::read(&path).unwrap(), b"first\nsecond\n");
    write_again(directory.path(), 1, &file).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first\nsecond\n");
}
