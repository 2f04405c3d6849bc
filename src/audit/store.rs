//! The files of the log: segments, head, lock. Knows nothing of what is in them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::journal::{self, Journal};
use super::settings::Durability;

/// The head file's name.
pub(super) const HEAD: &str = "head.json";
/// Held locked by the process that writes.
pub(super) const LOCK: &str = "lock";

/// The file name of a segment.
pub(super) fn segment_name(number: u64) -> String {
    format!("segment-{number:08}.jsonl")
}

/// The segment number of a file name; `None` unless it is spelled as [`segment_name`] does.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("segment-")?.strip_suffix(".jsonl")?;
    let number = digits.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

/// The segments in a directory, ascending.
pub(super) fn segments(path: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(path)? {
        if let Some(number) = entry?.file_name().to_str().and_then(segment_number) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// What the writer needs of a disk. Tests put a failing one in its place.
pub(super) trait Store: Send {
    /// Writes at an offset of a segment after cutting off what is there from that offset on.
    /// Offset 0 makes the file. All earlier segments are safe on the disk before.
    fn write(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything written safe on the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Replaces the head file in one step.
    fn replace_head(&mut self, bytes: &[u8], durable: bool) -> io::Result<()>;
    /// Nothing more is written: leaves only what readers of the log need.
    fn close(&mut self) -> io::Result<()>;
}

/// A directory.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Locked for as long as this lives.
    _lock: File,
    current: Option<(u64, File, u64)>,
    /// Where a sync is a write to it.
    journal: Option<Journal>,
    /// The last sync of the segment has failed. The next one may succeed without what that one has lost.
    doubtful: bool,
}

impl Directory {
    /// Makes the directory if needed and locks it. `Ok(None)`: another process holds the lock.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        Ok(Some(Self {
            path: path.to_owned(),
            _lock: lock,
            current: None,
            journal: None,
            doubtful: false,
        }))
    }

    /// Puts back what a power failure has taken from the segments although it was safe, and says how many
    /// bytes that were.
    pub(super) fn restore(&self) -> io::Result<u64> {
        journal::restore(&self.path)
    }

    /// Gets ready for writing, after what the last run has left was read: its journal goes.
    pub(super) fn begin(&mut self, durability: Durability) -> io::Result<()> {
        self.journal = match durability {
            Durability::Fsync => Some(Journal::create(&self.path)?),
            Durability::Write | Durability::Async => {
                journal::remove(&self.path)?;
                None
            }
        };
        Ok(())
    }

    /// The same with a small journal, which is full often.
    #[cfg(test)]
    pub(super) fn begin_with(&mut self, journal: Journal) {
        self.journal = Some(journal);
    }

    /// Syncs the segment itself.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if let Some((number, file, _)) = &self.current {
            if self.doubtful {
                journal::write_again(&self.path, *number, file)?;
            }
            self.doubtful = true;
            file.sync_data()?;
            self.doubtful = false;
        }
        if let Some(journal) = &mut self.journal {
            journal.begin();
        }
        Ok(())
    }

    fn put(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (file, length) = match &mut self.current {
            Some((number, file, length)) if *number == segment => (file, length),
            Some(_) | None => {
                // The journal speaks of one segment at a time.
                self.settle()?;
                let path = self.path.join(segment_name(segment));
                let file = OpenOptions::new()
                    .create(offset == 0)
                    .truncate(false)
                    .write(true)
                    .mode(0o600)
                    .open(path)?;
                if offset > 0 && self.journal.is_some() {
                    // What an earlier run has written without a sync is not in the journal.
                    file.sync_all()?;
                }
                self.sync_directory()?;
                let length = file.metadata()?.len();
                let (_, file, length) = self.current.insert((segment, file, length));
                (file, length)
            }
        };
        if *length != offset {
            file.set_len(offset)?;
            *length = offset;
        }
        // Until the write has succeeded nobody knows how much of it is in the file.
        *length = u64::MAX;
        file.write_all_at(bytes, offset)?;
        *length = offset + bytes.len() as u64;
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// Whether some process writes the log in `path` now.
pub(super) fn is_being_written(path: &Path) -> bool {
    File::open(path.join(LOCK))
        .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
}

impl Store for Directory {
    fn write(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let written = self.put(segment, offset, bytes);
        match (&mut self.journal, &written) {
            (Some(journal), Ok(())) => journal.note(segment, offset, bytes),
            (Some(journal), Err(_)) => journal.miss(),
            (None, _) => {}
        }
        written
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.journal.as_mut().is_some_and(Journal::flush) {
            return Ok(());
        }
        let settled = self.settle();
        if let (Some(journal), Err(_)) = (&mut self.journal, &settled) {
            journal.miss();
        }
        settled
    }

    fn replace_head(&mut self, bytes: &[u8], durable: bool) -> io::Result<()> {
        let new = self.path.join("head.json.new");
        fs::write(&new, bytes)?;
        if durable {
            File::open(&new)?.sync_all()?;
        }
        fs::rename(&new, self.path.join(HEAD))?;
        if durable { self.sync_directory() } else { Ok(()) }
    }

    fn close(&mut self) -> io::Result<()> {
        self.settle()?;
        self.journal = None;
        journal::remove(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_counts_as_synced_after_a_failed_sync_that_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Directory::open(directory.path()).unwrap().unwrap();
        store.begin(Durability::Fsync).unwrap();
        store.write(1, 0, b"first\n").unwrap();
        store.sync().unwrap();
        // It cannot be synced.
        let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
        let (number, file, length) = store.current.replace((1, null, 6)).unwrap();
        assert!(store.settle().is_err());
        // What the kernel forgets then.
        file.write_all_at(b"\0\0\0", 3).unwrap();
        store.current = Some((number, file, length));
        store.settle().unwrap();
        assert_eq!(fs::read(directory.path().join(segment_name(1))).unwrap(), b"first\n");
    }
}
