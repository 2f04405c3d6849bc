//! The journal of a log with `Durability::Fsync`: what was written to the segments since they were
//! last synced, in a file of fixed size that is written again and again.
//!
//! A sync of a file that has grown has to write its new length and the places of its blocks as well.
//! That of a file whose blocks are all there already has not, and takes half the time and half the
//! processor time. So what sessions wait for is a synchronous write here. The segments hold the same
//! bytes, and are synced when the journal is full. After a power failure the next start puts back what
//! they lack.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::store::{segment_name, segments};

/// The journal's file name.
pub(super) const JOURNAL: &str = "journal";

/// Its size, in bytes.
const CAPACITY: u64 = 8 << 20;
/// A buffer that has grown beyond this, in bytes, is given back.
const SPARE: usize = 256 << 10;
/// What an entry begins with: lap, segment, offset, length, each of 8 bytes, and a hash of those and of the bytes
/// that follow.
const HEADER: usize = 64;
/// Nothing else makes such hashes.
const CONTEXT: &str = "rowgate 2026 audit log journal entry";

/// What was written since the segment was synced.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    capacity: u64,
    /// Where the next entry goes.
    position: u64,
    /// How often it was begun. What an earlier lap has left behind is not taken for this one's.
    lap: u64,
    /// Entries that are not in the file yet.
    entries: Vec<u8>,
    /// An entry is missing: only a sync of the segment makes the log safe.
    incomplete: bool,
}

/// The fields before the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    lap: u64,
    segment: u64,
    offset: u64,
    length: u64,
}

impl Journal {
    /// Makes the file, or empties the one that is there.
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        Self::with_capacity(directory, CAPACITY)
    }

    pub(super) fn with_capacity(directory: &Path, capacity: u64) -> io::Result<Self> {
        let path = directory.join(JOURNAL);
        let blank =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
        // Blocks that are only reserved would be written like those of a file that grows.
        let zeros = vec![0; 1 << 20];
        let mut filled = 0;
        while filled < capacity {
            let part = (capacity - filled).min(zeros.len() as u64);
            let part = zeros.get(..usize::try_from(part).unwrap_or(zeros.len()));
            let part = part.unwrap_or_default();
            blank.write_all_at(part, filled)?;
            filled += part.len() as u64;
        }
        blank.sync_all()?;
        File::open(directory)?.sync_all()?;
        let file = OpenOptions::new().write(true).custom_flags(libc::O_DSYNC).open(&path)?;
        Ok(Self { file, capacity, position: 0, lap: 1, entries: Vec::new(), incomplete: false })
    }

    /// Takes note of what was written to a segment.
    pub(super) fn note(&mut self, segment: u64, offset: u64, bytes: &[u8]) {
        let noted = (self.entries.len() + HEADER + bytes.len()) as u64;
        if self.incomplete || self.position.saturating_add(noted) > self.capacity {
            self.miss();
            return;
        }
        let place = Place { lap: self.lap, segment, offset, length: bytes.len() as u64 };
        let fields = place.bytes();
        self.entries.extend_from_slice(&fields);
        self.entries.extend_from_slice(&hash(&fields, bytes));
        self.entries.extend_from_slice(bytes);
    }

    /// A write has failed or is not noted: the next sync has to be one of the segment.
    pub(super) fn miss(&mut self) {
        self.incomplete = true;
        self.forget();
    }

    /// Makes what was noted safe on the disk; false when the segment has to be synced instead, after
    /// which it is [`Self::begin`]'s turn.
    pub(super) fn flush(&mut self) -> bool {
        if self.incomplete {
            return false;
        }
        if let Err(error) = self.file.write_all_at(&self.entries, self.position) {
            tracing::warn!(%error, "the journal of the audit log cannot be written");
            self.miss();
            return false;
        }
        self.position = self.position.saturating_add(self.entries.len() as u64);
        self.forget();
        true
    }

    /// The segment is synced: nothing of what was noted is needed any more. What the file holds is left
    /// there: it says what the segment says.
    pub(super) fn begin(&mut self) {
        self.position = 0;
        self.lap = self.lap.saturating_add(1);
        self.incomplete = false;
        self.forget();
    }

    fn forget(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(SPARE);
    }
}

impl Place {
    fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let fields = [self.lap, self.segment, self.offset, self.length];
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut fields = bytes.chunks_exact(8).map(|field| {
            let field: Option<[u8; 8]> = field.try_into().ok();
            field.map(u64::from_le_bytes)
        });
        Some(Self {
            lap: fields.next()??,
            segment: fields.next()??,
            offset: fields.next()??,
            length: fields.next()??,
        })
    }
}

fn hash(fields: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(fields).update(bytes);
    hasher.finalize().into()
}

/// Removes the journal of a log whose segments are synced.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(JOURNAL)) {
        Ok(()) => File::open(directory)?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Puts back what the last segment lacks after a power failure, and says how many bytes that were. The segment
/// is synced then. The journal stays: whoever goes on with the log empties or removes it.
///
/// Only what is missing is written: beyond the segment's end, and where it has zero bytes, which no line
/// holds. Where it says something else than the journal, nothing more is put back: that was no power
/// failure.
pub(super) fn restore(directory: &Path) -> io::Result<u64> {
    let Some(journal) = read(directory)? else { return Ok(0) };
    let Some(last) = segments(directory)?.pop() else { return Ok(0) };
    let path = directory.join(segment_name(last));
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut restored = 0;
    // Of an earlier segment nothing is missing: it was synced when the next one was begun.
    for (place, bytes) in entries(&journal).filter(|(place, _)| place.segment == last) {
        match missing(&file, place.offset, bytes)? {
            Some(0) => {}
            Some(lacking) => {
                file.write_all_at(bytes, place.offset)?;
                restored += lacking;
            }
            None => break,
        }
    }
    // Also without a difference: after a kill it may be in memory alone.
    file.sync_all()?;
    Ok(restored)
}

/// Writes to a segment what the journal holds of it. The kernel reports once that it could not write
/// something, and then forgets it: another sync alone proves nothing.
pub(super) fn write_again(directory: &Path, segment: u64, file: &File) -> io::Result<()> {
    let Some(journal) = read(directory)? else { return Ok(()) };
    for (place, bytes) in entries(&journal).filter(|(place, _)| place.segment == segment) {
        file.write_all_at(bytes, place.offset)?;
    }
    Ok(())
}

fn read(directory: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(directory.join(JOURNAL)) {
        Ok(journal) => Ok(Some(journal)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The entries of the last lap.
fn entries(journal: &[u8]) -> impl Iterator<Item = (Place, &[u8])> {
    let mut rest = journal;
    let mut lap = None;
    std::iter::from_fn(move || {
        let (header, after) = rest.split_at_checked(HEADER)?;
        let (fields, expected) = header.split_at_checked(HEADER / 2)?;
        let place = Place::from_bytes(fields)?;
        let length = usize::try_from(place.length).ok()?;
        let (bytes, after) = after.split_at_checked(length)?;
        let whole = place.lap != 0 && hash(fields, bytes) == *expected;
        if !whole || *lap.get_or_insert(place.lap) != place.lap {
            return None;
        }
        rest = after;
        Some((place, bytes))
    })
}

/// How many of the bytes that belong at that offset the file lacks; `None` where it has other ones, or
/// where it ends before.
fn missing(file: &File, offset: u64, bytes: &[u8]) -> io::Result<Option<u64>> {
    let Some(present) = file.metadata()?.len().checked_sub(offset) else { return Ok(None) };
    let (present, beyond) =
        bytes.split_at(bytes.len().min(usize::try_from(present).unwrap_or(usize::MAX)));
    let mut there = vec![0; present.len()];
    file.read_exact_at(&mut there, offset)?;
    let mut differing = there.iter().zip(present).filter(|(there, wanted)| there != wanted);
    let mut lacking = beyond.len() as u64;
    let lost = differing.all(|(there, _)| {
        lacking += 1;
        *there == 0
    });
    Ok(lost.then_some(lacking))
}

#[cfg(test)]
mod tests;
