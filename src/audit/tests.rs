//! The log end to end on real files and on a disk that fails.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use tempfile::TempDir;

use super::chain::{Hash, Tip, to_hex};
use super::journal::JOURNAL;
use super::record::Record;
use super::recover::Resume;
use super::store::{Store, segment_name, segments};
use super::verify::{Bad, Expected, Verified, Verifier, VerifyError, verify};
use super::*;
use crate::ids::{DecisionId, PolicyVersion, RelationId};
use crate::policy::Verb;
use crate::rewrite::Touched;

fn clock() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn settings(path: &Path) -> AuditSettings {
    AuditSettings {
        signing_key: SigningKeySource::Text("07".repeat(32)),
        clock,
        ..AuditSettings::new(path)
    }
}

fn intent(number: u64, sql: &str) -> Intent {
    Intent {
        at: clock(),
        who: Arc::new(Who {
            login: "alice".into(),
            roles: vec!["sales_rep".into()],
            client: "127.0.0.1:5000".into(),
            database: "crm".into(),
            session: 3,
            ..Who::default()
        }),
        statement: number,
        command: "SELECT",
        original: sql.into(),
        rewritten: Some(format!("{sql} /* rewritten */").into()),
        parameters: vec![Parameter {
            value: ParameterValue::Text("42".into()),
            class: Parameters::Record,
        }],
        touched: Arc::from([Touched {
            relation: RelationId(1),
            name: "crm.account".into(),
            verb: Verb::Read,
            columns: vec!["id".into()],
            filter: "owner_id = :user.id".into(),
            masks: vec!["phone: partial".into()],
            compared: 0,
            lines: ["crm.yaml:3 sales_rep".into()].into(),
        }]),
        decision: DecisionId::from("d-1"),
        reasons: Vec::new(),
        policy: PolicyVersion::from("p1"),
    }
}

fn outcome() -> Outcome {
    Outcome {
        at: clock(),
        ending: Ending::Completed,
        rows: 2,
        bytes: 100,
        duration_us: 1500,
        sqlstate: None,
    }
}

async fn run(audit: &Audit, statements: u64) {
    for number in 1..=statements {
        let recorded = audit.intent(intent(number, "SELECT id FROM account")).unwrap();
        audit.durable(&recorded).await.unwrap();
        audit.outcome(recorded.query(), outcome());
    }
}

/// A log of two closed segments in memory: file contents and head.
async fn small_log() -> (TempDir, Vec<Vec<u8>>, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit");
    for _run in 0..2 {
        let audit = Audit::open(settings(&path)).unwrap();
        run(&audit, 2).await;
        audit.close().await.unwrap();
    }
    let files = segments(&path)
        .unwrap()
        .into_iter()
        .map(|number| fs::read(path.join(segment_name(number))).unwrap())
        .collect();
    let head = fs::read(path.join("head.json")).unwrap();
    (directory, files, head)
}

fn check(files: &[Vec<u8>], head: Option<&[u8]>) -> Result<Verified, Bad> {
    let numbered: Vec<_> = (1..).zip(files.iter().cloned()).collect();
    check_numbered(&numbered, head)
}

fn check_numbered(files: &[(u64, Vec<u8>)], head: Option<&[u8]>) -> Result<Verified, Bad> {
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    let verified = (|| {
        let mut verifier = Verifier::new(Expected { keys: vec![key], live: false }, head)?;
        for (number, file) in files {
            verifier.segment(*number, file.as_slice())?;
        }
        verifier.end()
    })();
    verified.map_err(|error| match error {
        VerifyError::Bad(bad) => bad,
        VerifyError::Unreadable { .. } => panic!("it is in memory"),
    })
}

fn lines(file: &[u8]) -> Vec<Vec<u8>> {
    file.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_line_is_byte_for_byte_what_the_documentation_says() {
    let mut bytes = Vec::new();
    let mut tip = Tip::START;
    let record = Record::Stop { reason: "a\nb\u{7f}\"é".into() };
    tip.append(&mut bytes, clock(), &record, None).unwrap();
    let first = bytes.len() - 1;
    tip.append(&mut bytes, clock(), &record, None).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let zero = "0".repeat(64);
    let hash = Hash::of(&bytes[..first]).to_hex();
    let line = |seq, prev: &str| {
        format!(
            "{{\"seq\":{seq},\"prev\":\"{prev}\",\"at\":\"2027-01-15T08:00:00.000000Z\",\
             \"kind\":\"stop\",\"reason\":\"a\\nb\u{7f}\\\"é\"}}\n"
        )
    };
    assert_eq!(text, line(1, &zero) + &line(2, &hash));
}

#[tokio::test]
async fn a_log_that_nobody_touched_verifies_across_restarts() {
    let (directory, files, head) = small_log().await;
    assert_eq!(files.len(), 2);
    let verified = check(&files, Some(&head)).unwrap();
    assert!(verified.closed && verified.notes.is_empty(), "{verified:?}");
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    assert_eq!(verify(&directory.path().join("audit"), &[key]).unwrap(), verified);
}

#[tokio::test]
async fn no_single_changed_byte_goes_unnoticed() {
    let (_directory, files, head) = small_log().await;
    for (index, file) in files.iter().enumerate() {
        for position in 0..file.len() {
            // One bit, rotating through the byte, keeps the run short.
            let mut changed = files.clone();
            changed[index][position] ^= 1 << (position % 8);
            assert!(check(&changed, Some(&head)).is_err(), "file {index} byte {position}");
        }
    }
    for position in 0..head.len() {
        for bit in 0..8 {
            let mut changed = head.clone();
            changed[position] ^= 1 << bit;
            assert!(check(&files, Some(&changed)).is_err(), "head byte {position}");
        }
    }
}

#[tokio::test]
async fn no_truncation_goes_unnoticed() {
    let (_directory, files, head) = small_log().await;
    for length in 0..files[1].len() {
        let cut = vec![files[0].clone(), files[1][..length].to_vec()];
        assert!(check(&cut, Some(&head)).is_err(), "cut at byte {length}");
    }
    assert!(check(&files[..1], Some(&head)).unwrap_err().reason.contains("tail is missing"));
    assert!(check(&files, None).is_err(), "the head file was removed");
    let without_first = [(2, files[1].clone())];
    let bad = check_numbered(&without_first, Some(&head)).unwrap_err();
    assert!(bad.reason.contains("`segment-00000001.jsonl` is missing"), "{bad}");
}

#[tokio::test]
async fn removed_swapped_repeated_and_added_lines_are_named_by_their_place() {
    let (_directory, files, head) = small_log().await;
    let good = lines(&files[0]);
    let with = |lines: Vec<Vec<u8>>| vec![lines.concat(), files[1].clone()];
    for index in 1..good.len() - 1 {
        let place = index as u64 + 1;
        let mut removed = good.clone();
        removed.remove(index);
        assert_eq!(check(&with(removed), Some(&head)).unwrap_err().line, place);
        let mut swapped = good.clone();
        swapped.swap(index, index + 1);
        assert_eq!(check(&with(swapped), Some(&head)).unwrap_err().line, place);
        let mut repeated = good.clone();
        repeated.insert(index, good[index].clone());
        assert_eq!(check(&with(repeated), Some(&head)).unwrap_err().line, place + 1);
        let mut edited = good.clone();
        let text = String::from_utf8(good[index].clone()).unwrap();
        edited[index] = text.replace("08:00", "09:00").into_bytes();
        assert_eq!(check(&with(edited), Some(&head)).unwrap_err().line, place);
    }
    let garbage = vec![files[0].clone(), [files[1].as_slice(), b"x"].concat()];
    assert!(check(&garbage, Some(&head)).is_err());
    let blank = vec![files[0].clone(), [files[1].as_slice(), b"\n"].concat()];
    assert!(check(&blank, Some(&head)).is_err());
}

#[tokio::test]
async fn a_log_rewritten_with_another_key_does_not_verify() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit");
    let forged =
        AuditSettings { signing_key: SigningKeySource::Text("08".repeat(32)), ..settings(&path) };
    let audit = Audit::open(forged).unwrap();
    run(&audit, 1).await;
    audit.close().await.unwrap();
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    assert!(verify(&path, &[key]).unwrap_err().to_string().contains("not expected"));
    assert!(verify(&path, &[]).unwrap().own_key);
}

#[tokio::test]
async fn segments_rotate_and_the_chain_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit");
    let audit = Audit::open(AuditSettings { segment_size: 3000, ..settings(&path) }).unwrap();
    run(&audit, 30).await;
    audit.close().await.unwrap();
    let verified = verify(&path, &[]).unwrap();
    assert!(verified.segments > 3, "{verified:?}");
}

#[tokio::test]
async fn a_dictionary_that_is_full_starts_anew_and_every_text_stays_known() {
    let directory = tempfile::tempdir().unwrap();
    let audit =
        Audit::open(AuditSettings { durability: Durability::Async, ..settings(directory.path()) })
            .unwrap();
    for number in 0..5000 {
        let recorded = audit.intent(intent(number, &format!("SELECT {number}"))).unwrap();
        audit.durable(&recorded).await.unwrap();
    }
    audit.close().await.unwrap();
    assert_eq!(verify(directory.path(), &[]).unwrap().segments, 1);
}

#[tokio::test]
async fn a_second_gateway_does_not_write_the_same_log() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(settings(directory.path())).unwrap();
    assert!(matches!(Audit::open(settings(directory.path())), Err(AuditError::Locked { .. })));
    audit.close().await.unwrap();
}

/// Copies a log as it is while its gateway runs: what `kill -9` leaves.
fn killed_copy(path: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

#[tokio::test]
async fn a_torn_tail_is_cut_recorded_and_nothing_acknowledged_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(settings(directory.path())).unwrap();
    run(&audit, 5).await;
    let copy = killed_copy(directory.path());
    let segment = copy.path().join(segment_name(1));
    let before = fs::read(&segment).unwrap();
    fs::write(&segment, [before.as_slice(), b"{\"seq\":99,\"prev\":\"12"].concat()).unwrap();
    assert!(verify(copy.path(), &[]).is_err());
    Audit::open(settings(copy.path())).unwrap().close().await.unwrap();
    let after = fs::read(&segment).unwrap();
    assert!(after.starts_with(&before));
    let verified = verify(copy.path(), &[]).unwrap();
    assert!(verified.notes.iter().any(|note| note.contains("20 bytes")), "{verified:?}");
    audit.close().await.unwrap();
}

#[tokio::test]
async fn a_tail_removed_before_a_restart_stays_visible_for_ever() {
    let copy = killed_when_signed().await;
    let segment = copy.path().join(segment_name(1));
    let mut kept = lines(&fs::read(&segment).unwrap());
    kept.pop();
    fs::write(&segment, kept.concat()).unwrap();
    fs::remove_file(copy.path().join(JOURNAL)).unwrap();
    Audit::open(settings(copy.path())).unwrap().close().await.unwrap();
    assert!(verify(copy.path(), &[]).unwrap_err().to_string().contains("lost before this start"));
}

/// What `kill -9` leaves of a log of which everything is signed.
async fn killed_when_signed() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(settings(directory.path())).unwrap();
    run(&audit, 5).await;
    tokio::time::sleep(Duration::from_millis(120)).await;
    let copy = killed_copy(directory.path());
    audit.close().await.unwrap();
    copy
}

/// What `kill -9` leaves of a log in which everything is safe.
async fn killed_when_all_was_safe() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let unsigned = Duration::from_secs(3600);
    let audit =
        Audit::open(AuditSettings { checkpoint_interval: unsigned, ..settings(directory.path()) })
            .unwrap();
    run(&audit, 5).await;
    // After the outcomes, for which nobody waits.
    let last = audit.event(Event::Stop { at: clock(), reason: "test".into() }).unwrap();
    audit.durable(&last).await.unwrap();
    let copy = killed_copy(directory.path());
    audit.close().await.unwrap();
    copy
}

#[tokio::test]
async fn a_power_failure_takes_no_acknowledged_record() {
    let copy = killed_when_all_was_safe().await;
    let whole = fs::read(copy.path().join(segment_name(1))).unwrap();
    for kept in (0..whole.len()).step_by(97) {
        let failed = killed_copy(copy.path());
        let segment = failed.path().join(segment_name(1));
        // A file system may keep the length of what it has lost, or a later block.
        let later = if kept % 3 == 2 { (whole.len() - kept) / 2 } else { 0 };
        let lost = whole.len() - kept - later;
        let zeros = vec![0; if kept % 3 == 0 { 0 } else { lost }];
        let left = [&whole[..kept], &zeros, &whole[whole.len() - later..]];
        fs::write(&segment, left.concat()).unwrap();
        let before = verify(failed.path(), &[]).unwrap_err().to_string();
        assert!(before.contains("puts back what `journal` holds"), "{before}");
        Audit::open(settings(failed.path())).unwrap().close().await.unwrap();
        assert!(fs::read(&segment).unwrap().starts_with(&whole), "{kept} bytes were left");
        let verified = verify(failed.path(), &[]).unwrap();
        let lacking = format!("{lost} bytes that a power failure had taken");
        assert!(verified.notes.iter().any(|note| note.contains(&lacking)), "{verified:?}");
    }
}

#[tokio::test]
async fn a_segment_that_was_edited_after_a_kill_is_not_taken_for_one_of_a_power_failure() {
    let copy = killed_when_signed().await;
    let segment = copy.path().join(segment_name(1));
    let edited = fs::read_to_string(&segment).unwrap().replacen("alice", "carol", 1);
    fs::write(&segment, &edited).unwrap();
    assert!(matches!(Audit::open(settings(copy.path())), Err(AuditError::Damaged { .. })));
    assert_eq!(fs::read_to_string(&segment).unwrap(), edited);
    assert!(copy.path().join(JOURNAL).exists(), "the evidence is gone");
}

#[tokio::test]
async fn a_proper_end_leaves_no_journal_behind() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(settings(directory.path())).unwrap();
    run(&audit, 1).await;
    assert!(directory.path().join(JOURNAL).exists());
    audit.close().await.unwrap();
    assert!(!directory.path().join(JOURNAL).exists());
}

#[tokio::test]
async fn a_log_that_is_synced_no_more_keeps_what_a_killed_one_had_acknowledged() {
    let copy = killed_when_all_was_safe().await;
    let segment = copy.path().join(segment_name(1));
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, b"").unwrap();
    let written = AuditSettings { durability: Durability::Write, ..settings(copy.path()) };
    let audit = Audit::open(written).unwrap();
    assert!(!copy.path().join(JOURNAL).exists());
    audit.close().await.unwrap();
    assert!(fs::read(&segment).unwrap().starts_with(&whole));
    assert!(verify(copy.path(), &[]).is_ok());
}

#[tokio::test]
async fn an_edited_segment_is_not_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(settings(directory.path())).unwrap();
    run(&audit, 5).await;
    audit.close().await.unwrap();
    let segment = directory.path().join(segment_name(1));
    let text = fs::read_to_string(&segment).unwrap().replacen("alice", "carol", 1);
    fs::write(&segment, text).unwrap();
    assert!(matches!(Audit::open(settings(directory.path())), Err(AuditError::Damaged { .. })));
}

#[derive(Debug, Default)]
struct Disk {
    files: Mutex<std::collections::BTreeMap<u64, Vec<u8>>>,
    head: Mutex<Option<Vec<u8>>>,
    full: AtomicBool,
    syncs: AtomicU64,
}

/// A disk in memory that can be full: then it writes half and fails.
struct FailingStore(Arc<Disk>);

impl Store for FailingStore {
    fn write(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.files.lock().unwrap();
        let file = files.entry(segment).or_default();
        file.truncate(usize::try_from(offset).unwrap());
        if self.0.full.load(Ordering::SeqCst) {
            file.extend_from_slice(&bytes[..bytes.len() / 2]);
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        file.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        // Long enough for others to queue up behind it, as on a disk.
        std::thread::sleep(Duration::from_millis(2));
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn replace_head(&mut self, bytes: &[u8], _durable: bool) -> io::Result<()> {
        *self.0.head.lock().unwrap() = Some(bytes.to_vec());
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn on_disk(disk: &Arc<Disk>, settings: AuditSettings) -> Audit {
    let key = settings.signing_key.load().unwrap();
    let resume = Resume { tip: Tip::START, unclosed: None, next: 1, recovered: None };
    Audit::start(settings, key, resume, Box::new(FailingStore(Arc::clone(disk)))).unwrap()
}

fn check_disk(disk: &Disk) -> Verified {
    let files: Vec<_> = disk.files.lock().unwrap().values().cloned().collect();
    check(&files, disk.head.lock().unwrap().as_deref()).unwrap()
}

#[tokio::test]
async fn a_full_disk_refuses_statements_until_it_is_written_again_and_breaks_nothing() {
    let disk = Arc::new(Disk::default());
    let audit = on_disk(&disk, settings(Path::new("unused")));
    run(&audit, 3).await;
    disk.full.store(true, Ordering::SeqCst);
    let recorded = audit.intent(intent(4, "SELECT 4")).unwrap();
    assert!(matches!(audit.durable(&recorded).await, Err(AuditError::Unwritable)));
    assert!(!audit.healthy());
    let refused = audit.intent(intent(5, "SELECT 5")).unwrap_err();
    assert_eq!(refused.sqlstate().0, "58030");
    disk.full.store(false, Ordering::SeqCst);
    while !audit.healthy() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    run(&audit, 3).await;
    audit.close().await.unwrap();
    check_disk(&disk);
    let log = String::from_utf8(disk.files.lock().unwrap()[&1].clone()).unwrap();
    assert_eq!(log.matches("SELECT 4\"").count(), 1, "neither lost nor written twice");
    assert_eq!(log.matches("SELECT 5").count(), 0);
}

#[tokio::test]
async fn continue_lets_statements_run_and_counts_what_did_not_fit() {
    let disk = Arc::new(Disk::default());
    let audit = on_disk(
        &disk,
        AuditSettings { on_failure: OnFailure::Continue, queue: 4, ..settings(Path::new("x")) },
    );
    disk.full.store(true, Ordering::SeqCst);
    for number in 0..20 {
        let recorded = audit.intent(intent(number, "SELECT 1")).unwrap();
        audit.durable(&recorded).await.unwrap();
    }
    disk.full.store(false, Ordering::SeqCst);
    audit.close().await.unwrap();
    check_disk(&disk);
    let log = String::from_utf8(disk.files.lock().unwrap()[&1].clone()).unwrap();
    assert!(log.contains("audit_records_lost"));
}

#[tokio::test]
async fn concurrent_statements_share_syncs() {
    let disk = Arc::new(Disk::default());
    let audit = on_disk(&disk, settings(Path::new("unused")));
    let sessions: Vec<_> = (0..100)
        .map(|_| {
            let audit = audit.clone();
            tokio::spawn(async move { run(&audit, 5).await })
        })
        .collect();
    for session in sessions {
        session.await.unwrap();
    }
    audit.close().await.unwrap();
    let syncs = disk.syncs.load(Ordering::SeqCst);
    assert!(syncs < 250, "{syncs} syncs for 500 statements");
    check_disk(&disk);
}

#[tokio::test]
async fn the_answer_of_a_statement_that_runs_alone_waits_for_a_write() {
    let disk = Arc::new(Disk::default());
    let settings = AuditSettings { durability: Durability::Write, ..settings(Path::new("x")) };
    let audit = on_disk(&disk, settings);
    let written = |sql: &str| {
        let files = disk.files.lock().unwrap();
        files.values().any(|file| String::from_utf8_lossy(file).contains(sql))
    };
    let first = loop {
        let start = std::time::Instant::now();
        let first = audit.intent(intent(1, "SELECT 1 AS alone")).unwrap();
        if audit.settled_alone(&first) {
            break first;
        }
        // On a busy machine the writer may just be writing it.
        assert!(start.elapsed() > Duration::from_millis(4), "nobody wrote it");
        audit.outcome(first.query(), outcome());
    };
    assert!(written("SELECT 1 AS alone"));
    // What runs beside it is written together with it: nobody writes for one alone.
    let second = audit.intent(intent(2, "SELECT 2 AS second")).unwrap();
    assert!(!audit.settled_alone(&second) || written("SELECT 2 AS second"));
    audit.outcome(first.query(), outcome());
    audit.durable(&second).await.unwrap();
    audit.outcome(second.query(), outcome());
    audit.close().await.unwrap();
    check_disk(&disk);
}

#[tokio::test]
async fn somebody_who_waits_for_a_record_is_forgotten_when_others_give_up() {
    let disk = Arc::new(Disk::default());
    let audit = on_disk(&disk, settings(Path::new("unused")));
    let sessions: Vec<_> = (0..60)
        .map(|number| {
            let audit = audit.clone();
            tokio::spawn(async move {
                let recorded = audit.intent(intent(number, "SELECT 1")).unwrap();
                let impatient = Duration::from_micros(if number % 2 == 0 { 500 } else { u64::MAX });
                let safe = tokio::time::timeout(impatient, audit.durable(&recorded)).await;
                audit.outcome(recorded.query(), outcome());
                number % 2 == 0 || safe.is_ok_and(|safe| safe.is_ok())
            })
        })
        .collect();
    for session in sessions {
        assert!(session.await.unwrap());
    }
    audit.close().await.unwrap();
    check_disk(&disk);
}

#[tokio::test]
async fn passwords_and_classed_parameters_do_not_reach_the_files() {
    let disk = Arc::new(Disk::default());
    let audit = on_disk(&disk, settings(Path::new("unused")));
    let value = |text: &str| ParameterValue::Text(text.into());
    let mut statement = intent(1, "ALTER ROLE bob PASSWORD 'hunter2'");
    statement.parameters = vec![
        Parameter { value: value("secret-a"), class: Parameters::Hash },
        Parameter { value: value("secret-a"), class: Parameters::Hash },
        Parameter { value: value("secret-b"), class: Parameters::Omit },
        Parameter { value: value("open"), class: Parameters::Record },
        // Some send statements as values.
        Parameter { value: value("CREATE ROLE eve PASSWORD 'hunter2'"), class: Parameters::Record },
        Parameter { value: ParameterValue::Binary("secret-c".into()), class: Parameters::Hash },
    ];
    let refused = Event::Refused(Box::new(Refused {
        at: statement.at,
        who: Arc::clone(&statement.who),
        statement: 2,
        command: "SELECT",
        original: statement.original.clone(),
        parameters: statement.parameters.clone(),
        touched: Arc::clone(&statement.touched),
        decision: statement.decision.clone(),
        sqlstate: "42501".into(),
        message: "permission denied".into(),
        reason: "".into(),
        policy: statement.policy.clone(),
    }));
    let recorded = audit.intent(statement).unwrap();
    audit.durable(&recorded).await.unwrap();
    let recorded = audit.event(refused).unwrap();
    audit.durable(&recorded).await.unwrap();
    audit.close().await.unwrap();
    let log = String::from_utf8(disk.files.lock().unwrap()[&1].clone()).unwrap();
    assert!(!log.contains("hunter2") && !log.contains("secret-"), "{log}");
    assert!(!log.contains(&to_hex(b"secret-c")), "{log}");
    for shown in ["{\"text\":\"open\"}", "{\"text\":\"CREATE ROLE eve", "\"omitted\""] {
        assert_eq!(log.matches(shown).count(), 2, "{shown} in {log}");
    }
    let hashes: Vec<_> =
        log.split("{\"hash\":\"").skip(1).map(|rest| rest.get(..64).unwrap()).collect();
    assert_eq!(hashes.len(), 6);
    assert_eq!(hashes[0], hashes[1], "equal values can be found");
    assert_eq!(hashes[..3], hashes[3..], "also of refused statements");
    assert_ne!(hashes[0], to_hex(blake3::hash(b"secret-a").as_bytes()), "the hash is keyed");
}

/// Says to the test below that it is the process that is killed, and where it writes.
const CHILD: &str = "ROWGATE_TEST_AUDIT_CHILD";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_under_load_loses_no_acknowledged_record() {
    if let Ok(path) = std::env::var(CHILD) {
        return write_until_killed(Path::new(&path)).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("audit");
    let acknowledged = directory.path().join("acknowledged");
    for round in 1..=3 {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        assert!(name.contains("kill_9"), "the test's thread carries its name");
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name.as_str(), "--nocapture"])
            .env(CHILD, directory.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let count = || fs::read_to_string(&acknowledged).unwrap_or_default().lines().count();
        while count() < round * 200 {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    Audit::open(settings(&log)).unwrap().close().await.unwrap();
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    verify(&log, &[key]).unwrap();
    let filter = search::Filter { limit: usize::MAX, ..search::Filter::default() };
    let recorded: std::collections::HashSet<String> = search::search(&log, &filter)
        .unwrap()
        .into_iter()
        .filter_map(|hit| hit.original.map(|text| text.to_string()))
        .collect();
    for line in fs::read_to_string(&acknowledged).unwrap().lines() {
        assert!(recorded.contains(line), "{line} was acknowledged");
    }
}

async fn write_until_killed(directory: &Path) {
    use std::io::Write as _;

    let audit =
        Audit::open(AuditSettings { segment_size: 20_000, ..settings(&directory.join("audit")) })
            .unwrap();
    let acknowledged =
        fs::OpenOptions::new().create(true).append(true).open(directory.join("acknowledged"));
    let acknowledged = Arc::new(acknowledged.unwrap());
    let process = std::process::id();
    let sessions: Vec<_> = (0..8)
        .map(|session| {
            let (audit, acknowledged) = (audit.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                for number in 1.. {
                    let sql = format!("SELECT {process}, {session}, {number}");
                    let recorded = audit.intent(intent(number, &sql)).unwrap();
                    audit.durable(&recorded).await.unwrap();
                    let line = format!("{sql}\n");
                    acknowledged.as_ref().write_all(line.as_bytes()).unwrap();
                    audit.outcome(recorded.query(), outcome());
                }
            })
        })
        .collect();
    for session in sessions {
        session.await.unwrap();
    }
}

#[tokio::test]
async fn a_search_finds_statements_by_person_table_text_and_decision() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(settings(directory.path())).unwrap();
    run(&audit, 3).await;
    let refused = audit
        .event(Event::Refused(Box::new(Refused {
            at: clock(),
            who: Arc::new(Who { login: "bob".into(), session: 4, ..Who::default() }),
            statement: 1,
            command: "DELETE",
            original: "DELETE FROM crm.contact".into(),
            parameters: Vec::new(),
            touched: Arc::default(),
            decision: DecisionId::from("d-77"),
            sqlstate: "42501".into(),
            message: "permission denied".into(),
            reason: "no grant".into(),
            policy: PolicyVersion::from("p1"),
        })))
        .unwrap();
    audit.durable(&refused).await.unwrap();
    audit.close().await.unwrap();
    let base = search::Filter { limit: 10, ..search::Filter::default() };
    let count = |filter: search::Filter| search::search(directory.path(), &filter).unwrap().len();
    assert_eq!(count(base.clone()), 4);
    assert_eq!(count(search::Filter { user: Some("alice".into()), ..base.clone() }), 3);
    assert_eq!(count(search::Filter { user: Some("alice".into()), limit: 2, ..base.clone() }), 2);
    assert_eq!(count(search::Filter { table: Some("crm.account".into()), ..base.clone() }), 3);
    assert_eq!(count(search::Filter { column: Some("phone".into()), ..base.clone() }), 0);
    assert_eq!(count(search::Filter { decision: Some("deny".into()), ..base.clone() }), 1);
    assert_eq!(count(search::Filter { sql_like: Some("delete%".into()), ..base.clone() }), 1);
    let filter = search::Filter { decision: Some("d-77".into()), ..base.clone() };
    let hits = search::search(directory.path(), &filter).unwrap();
    assert_eq!(hits[0].sqlstate.as_deref(), Some("42501"));
    assert_eq!(hits[0].who.as_ref().unwrap().session, 4);
    let permitted = search::Filter { user: Some("alice".into()), ..base };
    let hits = search::search(directory.path(), &permitted).unwrap();
    assert!(hits.iter().all(|hit| hit.ending == Some(Ending::Completed) && hit.rows == Some(2)));
}

#[tokio::test]
async fn a_statement_is_recorded_with_the_person_text_or_table_of_another() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(settings(directory.path())).unwrap();
    // More than are found by their address, and each as shared as in a session.
    let shared: Vec<Intent> = (0..700)
        .map(|number| {
            let mut intent = intent(1, &format!("SELECT {number}"));
            intent.who = Arc::new(Who {
                login: format!("user{number}").as_str().into(),
                session: number,
                ..Who::default()
            });
            let mut touched = intent.touched.to_vec();
            touched[0].name = format!("crm.t{number}").into();
            intent.touched = touched.into();
            intent
        })
        .collect();
    for _round in 0..4 {
        for intent in &shared {
            // In a row as well: a text has its name from the second time on.
            for _again in 0..2 {
                let recorded = audit.intent(intent.clone()).unwrap();
                audit.outcome(recorded.query(), outcome());
            }
        }
    }
    audit.close().await.unwrap();
    verify(directory.path(), &[]).unwrap();
    let filter = search::Filter { limit: 100_000, ..search::Filter::default() };
    let hits = search::search(directory.path(), &filter).unwrap();
    let statements: Vec<_> = hits.iter().filter(|hit| hit.kind == "intent").collect();
    assert_eq!(statements.len(), 4 * 2 * 700);
    for hit in statements {
        let who = hit.who.as_ref().unwrap();
        assert_eq!(*who.login, format!("user{}", who.session));
        assert_eq!(hit.original.as_deref(), Some(format!("SELECT {}", who.session).as_str()));
        assert_eq!(*hit.touched[0].table, format!("crm.t{}", who.session));
    }
}
