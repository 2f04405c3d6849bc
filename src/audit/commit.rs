//! Renders what was queued and writes it. Who does that, and when, is the business of `writer`.

use std::io;

use metrics::{Counter, Gauge};

use super::render::Renderer;
use super::settings::Durability;
use super::store::Store;
use super::writer::Batch;

/// The files and what is to be written to them.
pub(super) struct Writer {
    store: Box<dyn Store>,
    renderer: Renderer,
    durability: Durability,
    /// The number of the last record that is rendered.
    rendered: u64,
    /// What is rendered could not be written.
    stuck: bool,
    attempts: u32,
    closed: bool,
    figures: Figures,
}

/// How a commit went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committed {
    /// All records up to this number are as safe as the settings ask.
    Upto {
        number: u64,
        /// The commit before failed.
        recovered: bool,
    },
    /// It has to be tried again.
    Failed,
}

/// Looked up once: finding a metric by its name takes longer than counting.
struct Figures {
    records: Counter,
    bytes: Counter,
    syncs: Counter,
    failures: Counter,
    healthy: Gauge,
}

impl Writer {
    /// Writes what opening the log has rendered.
    pub(super) fn start(
        store: Box<dyn Store>,
        renderer: Renderer,
        durability: Durability,
    ) -> io::Result<Self> {
        let figures = Figures {
            records: metrics::counter!("rowgate_audit_records_total"),
            bytes: metrics::counter!("rowgate_audit_bytes_total"),
            syncs: metrics::counter!("rowgate_audit_syncs_total"),
            failures: metrics::counter!("rowgate_audit_write_failures_total"),
            healthy: metrics::gauge!("rowgate_audit_healthy"),
        };
        let mut writer = Self {
            store,
            renderer,
            durability,
            rendered: 0,
            stuck: false,
            attempts: 0,
            closed: false,
            figures,
        };
        writer.write(true)?;
        writer.figures.healthy.set(1.0);
        Ok(writer)
    }

    /// Whether a commit is one write at the end of a file: nothing is synced and no file is made.
    pub(super) fn is_quick(&self) -> bool {
        !self.stuck && !self.closed && !self.renderer.rotation_due()
    }

    /// Whether the last commit failed.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Whether the end of the log is written.
    pub(super) fn is_closed(&self) -> bool {
        self.closed && !self.stuck
    }

    /// When there is something to do without new records.
    pub(super) fn due(&self) -> Option<std::time::Instant> {
        self.renderer.due()
    }

    /// Renders a batch and writes it, or tries once more to write what could not be written. Only
    /// `all` rotates segments and signs: that takes longer than a write. What has failed is tried with
    /// the head file: the log is whole again only when that can be written as well.
    pub(super) fn commit(&mut self, batch: Option<Batch>, all: bool) -> Committed {
        if let Some(Batch { entries, dropped, upto, closing }) = batch {
            self.figures.records.increment(entries.len() as u64);
            for entry in entries {
                if all {
                    self.renderer.rotate_if_due();
                }
                self.renderer.entry(entry);
            }
            if dropped > 0 {
                self.renderer.lost(dropped);
            }
            if closing {
                self.renderer.close("stop");
                self.closed = true;
            } else if all {
                self.renderer.checkpoint_if_due();
            }
            self.rendered = upto;
        }
        let mut written = self.write(all && self.stuck);
        if self.closed && written.is_ok() {
            written = self.store.close();
        }
        self.committed(written)
    }

    /// Replaces the head file when that is due. Nobody waits for it: after a power failure a head
    /// that is older than the log says nothing against the log.
    pub(super) fn replace_head_if_due(&mut self) -> Committed {
        let replaced = self.replace_head();
        self.committed(replaced)
    }

    fn committed(&mut self, written: io::Result<()>) -> Committed {
        match written {
            Ok(()) => {
                let recovered = std::mem::take(&mut self.stuck);
                if recovered {
                    tracing::warn!("the audit log is written again");
                    self.figures.healthy.set(1.0);
                    self.attempts = 0;
                }
                Committed::Upto { number: self.rendered, recovered }
            }
            Err(error) => {
                self.stuck = true;
                self.attempts = self.attempts.saturating_add(1);
                let attempts = self.attempts;
                tracing::error!(%error, attempts, "the audit log cannot be written");
                self.figures.healthy.set(0.0);
                self.figures.failures.increment(1);
                Committed::Failed
            }
        }
    }

    fn write(&mut self, head: bool) -> io::Result<()> {
        let durable = self.durability == Durability::Fsync;
        let mut wrote = false;
        for chunk in self.renderer.pending() {
            self.store.write(chunk.segment, chunk.offset, &chunk.bytes)?;
            self.figures.bytes.increment(chunk.bytes.len() as u64);
            wrote = true;
        }
        if wrote && durable {
            self.store.sync()?;
            self.figures.syncs.increment(1);
        }
        self.renderer.written();
        if head { self.replace_head() } else { Ok(()) }
    }

    fn replace_head(&mut self) -> io::Result<()> {
        if let Some(head) = self.renderer.head_if_due() {
            self.store.replace_head(&head, self.durability == Durability::Fsync)?;
            self.renderer.head_written();
        }
        Ok(())
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("rendered", &self.rendered).finish_non_exhaustive()
    }
}
