//! The search path of the session as the server sees it: asked whenever it may have changed, before
//! the next statement is planned.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Session;
use super::expected::{Entry, Request};
use crate::catalog::SearchPath;
use crate::error::{Refusal, SqlState};
use crate::planner::CREATE_TABLE;
use crate::protocol::message::{self, Target};
use crate::rewrite::{Effect, Plan};

const QUERY: &str = "SELECT pg_catalog.current_schemas(true)";
/// The statement and portal of the question; a restricted client cannot say the name.
const NAME: &str = "rowgate_path";

/// The search path that was answered last, for the sessions that have the same: most do.
#[derive(Debug, Default)]
pub struct Paths(Mutex<Arc<SearchPath>>);

impl Paths {
    fn share(&self, path: SearchPath) -> Arc<SearchPath> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if **last != path {
            *last = Arc::new(path);
        }
        Arc::clone(&last)
    }
}

/// What is known of the search path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathState {
    /// It is the one on the server.
    Known,
    /// It may have changed.
    Unknown,
    /// The server has been asked.
    Asked,
    /// The server did not answer; the next statement is refused and the one after it asks again.
    Failed,
}

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Whether a statement can be planned now. Asks the server when it has to.
    pub(super) fn path_ready(&mut self) -> bool {
        if !self.actor_ready() {
            return false;
        }
        // Who is unrestricted gets the text forwarded; names in it are for the audit log only.
        if !self.restricted() || matches!(self.path_state, PathState::Known | PathState::Failed) {
            return true;
        }
        if self.path_state == PathState::Asked {
            return false;
        }
        if !self.expected.is_empty() {
            self.nudge();
            return false;
        }
        // In a failed transaction the server answers no question, and runs nothing but its end.
        if self.status == b'E' || self.skipping {
            return true;
        }
        self.ask_path();
        false
    }

    fn ask_path(&mut self) {
        let mut bytes = BytesMut::new();
        let nothing: [Option<Bytes>; 0] = [];
        let query = if self.temporary { super::temporary::QUERY } else { QUERY };
        message::parse(&mut bytes, NAME, query.as_bytes(), &[]);
        message::bind(&mut bytes, NAME, NAME, &[], &nothing, &[]);
        message::execute(&mut bytes, NAME, 0);
        message::close(&mut bytes, &Target::Portal(NAME.to_owned()));
        message::close(&mut bytes, &Target::Statement(NAME.to_owned()));
        let requests =
            [Request::Parse, Request::bind(), Request::SearchPath, Request::Close, Request::Close];
        self.expected.extend(requests.into_iter().map(Entry::internal));
        // A Sync inside the client's pipeline would commit it.
        if self.pipeline {
            message::bare(&mut bytes, b'H');
        } else {
            message::bare(&mut bytes, b'S');
            self.expected.push_back(Entry::internal(Request::Sync));
        }
        self.server.outbound.append(bytes);
        self.path_state = PathState::Asked;
    }

    /// The server's answer: one row with one array, and with the temporary relations where the
    /// session may have any.
    pub(super) fn path_answered(&mut self, row: Bytes) -> Result<(), Refusal> {
        let unreadable =
            || Refusal::new(SqlState::INTERNAL_ERROR, "the search path could not be read", "");
        let values = message::decode_data_row(row).map_err(|_| unreadable())?;
        let mut texts = Vec::new();
        for value in &values {
            let text = value.as_deref().map(std::str::from_utf8).transpose();
            texts.push(text.map_err(|_| unreadable())?);
        }
        let (path, temporary) = match texts.as_slice() {
            [Some(path)] => (path, None),
            [Some(path), temporary] => (path, *temporary),
            _ => return Err(unreadable()),
        };
        let temporary = super::temporary::read(temporary).ok_or_else(unreadable)?;
        let path = array_elements(path).ok_or_else(unreadable)?;
        self.path = self.shared.paths.share(SearchPath::new(path).with_temporary(temporary));
        self.path_state = PathState::Known;
        Ok(())
    }

    /// Notes what a statement that was sent may do to the search path.
    pub(super) fn note_effects(&mut self, plan: &Plan) {
        self.note_left(plan);
        for statement in &plan.statements {
            // rowgate.user goes with the other settings; every statement is judged afresh.
            if matches!(statement.kind, "DISCARD ALL" | "RESET ALL") {
                self.forget_actor();
            }
            // What a service account made for one person is not there for the next.
            self.temporary |= !self.service && statement.kind == CREATE_TABLE;
            match statement.effect {
                Effect::Reads | Effect::Writes => {}
                Effect::Settings | Effect::Unknown => {
                    self.unsettled = true;
                    self.path_state = PathState::Unknown;
                }
                Effect::Transaction => self.settings_may_return(),
            }
        }
    }

    /// A transaction ended or failed: settings made in it are back to what they were.
    pub(super) fn settings_may_return(&mut self) {
        if self.unsettled {
            self.path_state = PathState::Unknown;
        }
    }

    /// Refuses a string in which the end of a transaction may move the path from under a later
    /// statement. What the string itself does to the path, the planner follows.
    pub(super) fn one_path(&self, plan: &Plan) -> Result<(), Refusal> {
        let mut moved = false;
        for statement in &plan.statements {
            match statement.effect {
                Effect::Transaction => moved |= self.unsettled,
                Effect::Reads | Effect::Writes | Effect::Settings | Effect::Unknown
                    if moved && statement.names =>
                {
                    return Err(Refusal::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "a change of settings and a statement after it in one query string",
                        "send the change of settings as a query of its own",
                    ));
                }
                Effect::Reads | Effect::Writes | Effect::Settings | Effect::Unknown => {}
            }
        }
        Ok(())
    }

    /// A service account speaks for several people on one connection, and a temporary table of one
    /// would be there for the next.
    pub(super) fn own_tables(&self, plan: &Plan) -> Result<(), Refusal> {
        if self.service && plan.statements.iter().any(|made| made.kind == CREATE_TABLE) {
            return Err(Refusal::unsupported(
                "temporary tables are not supported for a service account",
            ));
        }
        Ok(())
    }
}

/// The elements of a one-dimensional array in PostgreSQL's text format.
pub(super) fn array_elements(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    if inner.is_empty() {
        return Some(elements);
    }
    let mut element = String::new();
    let mut quoted = false;
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => element.push(characters.next()?),
            '"' => quoted = !quoted,
            ',' if !quoted => elements.push(std::mem::take(&mut element)),
            other => element.push(other),
        }
    }
    elements.push(element);
    (!quoted).then_some(elements)
}

#[cfg(test)]
mod tests {
    use super::array_elements;

    #[test]
    fn schema_names_with_commas_and_quotes_do_not_become_other_schemas() {
        assert_eq!(array_elements("{}").unwrap(), Vec::<String>::new());
        assert_eq!(array_elements("{pg_catalog,public}").unwrap(), ["pg_catalog", "public"]);
        assert_eq!(array_elements(r#"{"a,b","c\"d\\e"}"#).unwrap(), ["a,b", "c\"d\\e"]);
        assert_eq!(array_elements(r#"{"a}"#), None);
    }
}
