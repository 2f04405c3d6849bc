//! `rowgate demo --check`: several people run the same unmodified query; a refusal, and where the
//! audit log has it. Every step is judged, and one that does not hold fails the tour.

use std::io::{self, Write};
use std::process::Command;

use comfy_table::{Table, presets};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::{Demo, Options};

/// What everyone asks. It names no person, no department and no mask.
pub(super) const QUERY: &str = "SELECT count(*) OVER () AS visible, id, name, phone, credit_limit, owner_id \
     FROM crm.account ORDER BY id LIMIT 4;";

/// A statement that a representative is not granted.
const REFUSED: &str = "DELETE FROM crm.account WHERE id = 1";

const PEOPLE: [(&str, &str); 4] = [
    ("alice", "representative: her own customers, phones clear, no credit limits"),
    ("bob", "her manager: the whole department, credit limits too"),
    ("carol", "representative with a look into her department: phones clear on her own rows only"),
    ("frank", "service: every customer but the VIPs, phones masked"),
];

/// Why a tour ended early.
#[derive(Debug, thiserror::Error)]
pub enum TourError {
    /// A step of the tour did not show what it has to show.
    #[error("the tour failed: {0}")]
    Failed(String),
    /// A connection through the gateway.
    #[error("{login}: {source}")]
    Client {
        /// Who was connected.
        login: String,
        /// What the gateway or the server answered.
        source: tokio_postgres::Error,
    },
    /// Writing, or running a command.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// One answer as text, as psql would show it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Answer {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

impl Answer {
    fn value(&self, id: &str, column: &str) -> Option<&str> {
        let key = self.columns.iter().position(|name| name == "id")?;
        let wanted = self.columns.iter().position(|name| name == column)?;
        let row = self.rows.iter().find(|row| row.get(key) == Some(&Some(id.to_owned())))?;
        row.get(wanted)?.as_deref()
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(&self.columns);
        for row in &self.rows {
            table.add_row(row.iter().map(|value| value.as_deref().unwrap_or("(null)")));
        }
        table
    }
}

/// The scripted tour through a running demo.
#[derive(Debug)]
pub struct Tour<'a> {
    demo: &'a mut Demo,
    options: &'a Options,
}

impl<'a> Tour<'a> {
    /// A tour of `demo`, which was started with `options`.
    pub fn new(demo: &'a mut Demo, options: &'a Options) -> Self {
        Self { demo, options }
    }

    /// Plays it. An error means that something it shows does not hold.
    pub async fn play(self, out: &mut dyn Write) -> Result<(), TourError> {
        self.same_query(out).await?;
        let decision = self.refusal(out).await?;
        self.search(&decision, out)?;
        self.verify(out)
    }

    async fn same_query(&self, out: &mut dyn Write) -> Result<(), TourError> {
        writeln!(out, "1. Four people, one query:\n\n   {QUERY}\n")?;
        let mut answers = Vec::new();
        for (login, description) in PEOPLE {
            let answer = ask(self.demo, login, QUERY).await?;
            writeln!(out, "{login}, {description}\n{}\n", answer.table())?;
            answers.push(answer);
        }
        let [alice, bob, carol, frank] = answers.as_slice() else {
            return failed("not everyone got an answer");
        };
        for (index, answer) in answers.iter().enumerate() {
            expect(!answer.rows.is_empty(), "someone got no rows")?;
            expect(
                !answers.iter().skip(index + 1).any(|other| other == answer),
                "two people got the same",
            )?;
        }
        expect(alice.value("1", "phone") == Some("13812345678"), "alice's own customer is masked")?;
        expect(alice.value("1", "credit_limit").is_none(), "alice sees a credit limit")?;
        expect(bob.value("1", "credit_limit").is_some(), "bob sees no credit limit")?;
        let mine = carol.value("2", "phone").unwrap_or_default();
        expect(!mine.is_empty() && !mine.contains('*'), "carol's own customer is masked")?;
        let phone = carol.columns.iter().position(|name| name == "phone").unwrap_or_default();
        let is_masked = |row: &Vec<Option<String>>| {
            row.get(phone).and_then(Option::as_deref).is_some_and(|value| value.contains('*'))
        };
        expect(carol.rows.iter().any(is_masked), "carol's colleagues' customers are clear")?;
        expect(frank.value("1", "phone") == Some("138****5678"), "frank sees a clear number")
    }

    async fn refusal(&self, out: &mut dyn Write) -> Result<String, TourError> {
        writeln!(out, "2. alice tries what she is not granted:\n\n   {REFUSED};\n")?;
        let error = match ask(self.demo, "alice", REFUSED).await {
            Ok(_) => return failed("alice deleted a customer"),
            Err(TourError::Client { source, .. }) => source,
            Err(other) => return Err(other),
        };
        let Some(answer) = error.as_db_error() else {
            return failed("the connection ended instead of an error");
        };
        let (detail, hint) =
            (answer.detail().unwrap_or_default(), answer.hint().unwrap_or_default());
        let code = answer.code().code();
        writeln!(out, "ERROR:  {code}: {}\nDETAIL:  {detail}\nHINT:  {hint}\n", answer.message())?;
        expect(code == "42501", "the refusal has another SQLSTATE than 42501")?;
        expect(!detail.is_empty(), "the refusal has no reason")?;
        // The decision id is the word of the hint with digits in it.
        let word = hint
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .find(|word| word.len() >= 6 && word.contains(|c: char| c.is_ascii_digit()));
        word.map(str::to_owned).map_or_else(|| failed("the refusal has no decision id"), Ok)
    }

    fn search(&self, decision: &str, out: &mut dyn Write) -> Result<(), TourError> {
        let audit = self.demo.folder().join("audit");
        writeln!(
            out,
            "3. The audit log has it:\n\n   rowgate audit search --user alice --decision deny\n"
        )?;
        let search = |format: &str| {
            Command::new(&self.options.program)
                .args(["audit", "search", "--user", "alice", "--decision", "deny"])
                .args(["--format", format, "--path"])
                .arg(&audit)
                .output()
        };
        out.write_all(&search("table")?.stdout)?;
        let found = search("json")?;
        let text = String::from_utf8_lossy(&found.stdout);
        expect(found.status.success(), &String::from_utf8_lossy(&found.stderr))?;
        expect(text.contains(decision), "the audit log does not have the refusal")
    }

    fn verify(self, out: &mut dyn Write) -> Result<(), TourError> {
        let audit = self.demo.folder().join("audit");
        self.demo.stop_gateway();
        writeln!(out, "\n4. Nobody has touched the log:\n\n   rowgate audit verify\n")?;
        let verified = Command::new(&self.options.program)
            .args(["audit", "verify", "--path"])
            .arg(&audit)
            .output()?;
        out.write_all(&verified.stdout)?;
        expect(verified.status.success(), &String::from_utf8_lossy(&verified.stderr))?;
        writeln!(out, "\nAll of it holds.")?;
        Ok(())
    }
}

async fn ask(demo: &Demo, login: &str, sql: &str) -> Result<Answer, TourError> {
    let client_error = |source| TourError::Client { login: login.to_owned(), source };
    let (client, connection) = demo.login(login).connect(NoTls).await.map_err(client_error)?;
    let connection = tokio::spawn(connection);
    let result = client.simple_query(sql).await;
    drop(client);
    drop(connection.await);
    let mut answer = Answer::default();
    for message in result.map_err(client_error)? {
        if let SimpleQueryMessage::Row(row) = message {
            answer.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
            answer
                .rows
                .push((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect());
        }
    }
    Ok(answer)
}

fn expect(holds: bool, otherwise: &str) -> Result<(), TourError> {
    if holds { Ok(()) } else { failed(otherwise) }
}

fn failed<T>(why: &str) -> Result<T, TourError> {
    Err(TourError::Failed(why.to_owned()))
}
