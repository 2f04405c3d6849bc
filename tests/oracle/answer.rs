//! Runs one statement and keeps what a client would get: rows as text, or the SQLSTATE.

use futures_util::StreamExt;
use rowgate::rewrite::Answer;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::world::MARKER;

/// A row as text; `None` is NULL.
pub(crate) type Row = Vec<Option<String>>;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Rows {
        columns: Vec<String>,
        rows: Vec<Row>,
        affected: u64,
    },
    Failed {
        sqlstate: String,
        message: String,
        /// A character of the text that ran, from 1.
        position: Option<u32>,
    },
    /// rowgate refused before anything ran.
    Refused {
        sqlstate: String,
        message: String,
    },
}

impl Outcome {
    pub(crate) fn failed(&self) -> Option<&str> {
        match self {
            Self::Rows { .. } => None,
            Self::Failed { sqlstate, .. } | Self::Refused { sqlstate, .. } => Some(sqlstate),
        }
    }

    /// For comparing answers whose order is open.
    pub(crate) fn sorted(mut self) -> Self {
        if let Self::Rows { rows, .. } = &mut self {
            rows.sort();
        }
        self
    }
}

/// Runs `sql`, of which `answer` says what the client gets to see.
pub(crate) async fn run(client: &Client, sql: &str, answer: Answer) -> Outcome {
    let start = sql.trim_start().get(..4).unwrap_or("").to_ascii_uppercase();
    if start == "COPY" && sql.contains("FROM STDIN") {
        return copy_nothing(client, sql).await;
    }
    if start == "COPY" {
        return copy(client, sql).await;
    }
    match client.simple_query(sql).await {
        Ok(messages) => relayed(&messages, answer),
        Err(error) => failure(&error),
    }
}

fn relayed(messages: &[SimpleQueryMessage], answer: Answer) -> Outcome {
    let mut columns: Vec<String> = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    let mut affected = 0;
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(described) => {
                columns = described.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                rows.push((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect());
            }
            SimpleQueryMessage::CommandComplete(count) => affected = *count,
            _ => {}
        }
    }
    match answer {
        Answer::Relay => {}
        Answer::DropRows => {
            columns.clear();
            rows.clear();
        }
        Answer::CutLastColumn => {
            columns.pop();
            for row in &mut rows {
                row.pop();
            }
        }
        // The lines are rowgate's own; only that there are any is compared.
        Answer::RedactPlan(_) => rows.clear(),
    }
    Outcome::Rows { columns, rows, affected }
}

/// COPY FROM with an empty input.
async fn copy_nothing(client: &Client, sql: &str) -> Outcome {
    let sink = match client.copy_in::<_, bytes::Bytes>(sql).await {
        Ok(sink) => sink,
        Err(error) => return failure(&error),
    };
    match std::pin::pin!(sink).finish().await {
        Ok(affected) => Outcome::Rows { columns: Vec::new(), rows: Vec::new(), affected },
        Err(error) => failure(&error),
    }
}

async fn copy(client: &Client, sql: &str) -> Outcome {
    let stream = match client.copy_out(sql).await {
        Ok(stream) => stream,
        Err(error) => return failure(&error),
    };
    let mut stream = std::pin::pin!(stream);
    let mut rows = Vec::new();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(bytes) => rows.push(vec![Some(String::from_utf8_lossy(&bytes).into_owned())]),
            Err(error) => return failure(&error),
        }
    }
    Outcome::Rows { columns: Vec::new(), affected: rows.len() as u64, rows }
}

fn failure(error: &tokio_postgres::Error) -> Outcome {
    let Some(error) = error.as_db_error() else {
        panic!("the connection failed: {error:?}");
    };
    // The check option's error is what the session turns into 42501.
    if error.message().contains(MARKER) {
        let sqlstate = "42501".to_owned();
        return Outcome::Failed { sqlstate, message: String::new(), position: None };
    }
    let position = match error.position() {
        Some(tokio_postgres::error::ErrorPosition::Original(position)) => Some(*position),
        Some(tokio_postgres::error::ErrorPosition::Internal { .. }) | None => None,
    };
    Outcome::Failed {
        sqlstate: error.code().code().to_owned(),
        message: error.message().to_owned(),
        position,
    }
}
