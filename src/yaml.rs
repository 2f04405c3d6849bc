//! YAML 1.2 with positions: the tree of a file people wrote, and a small typed reader over it that
//! turns every slip into a [`Diagnostic`] instead of stopping at the first. Pure; opens no file.
//!
//! Scalars keep their text: whether `104` is a number or a name is decided by who reads the field.
//! Aliases are expanded (within a bound); tags, complex keys and a second document are errors.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::diagnostic::{Diagnostic, Severity, closest};

/// The most nodes the aliases of one file may stand for: a small file of nested aliases can stand
/// for billions.
const MAX_ALIASED_NODES: usize = 100_000;

/// Where a node stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Line, from 1; 0 is the whole file.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Characters to underline on that line, at least 1.
    pub length: u32,
}

/// One node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or a plain `null`.
    Null,
    /// A scalar. `plain` is false when it is quoted or a block: then it can only be text.
    Scalar {
        /// After escapes.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in file order; keys are scalars and unique.
    Map(Vec<(Node, Node)>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar { .. } => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl Node {
    /// The text of a scalar; empty for everything else. For keys, which are always scalars.
    pub fn key(&self) -> &str {
        match &self.value {
            Value::Scalar { text, .. } => text,
            Value::Null | Value::List(_) | Value::Map(_) => "",
        }
    }
}

/// A file's name and text, for diagnostics that show the line.
#[derive(Debug, Clone)]
pub struct File {
    name: Arc<str>,
    text: Arc<str>,
    /// The byte each line starts at: a large file has a finding or a reference in every line.
    lines: Arc<[usize]>,
}

impl File {
    /// `name` is shown to people as it is.
    pub fn new(name: &str, text: &str) -> Self {
        let behind = text.match_indices('\n').map(|(index, _)| index + 1);
        let lines = std::iter::once(0).chain(behind).collect();
        Self { name: Arc::from(name), text: Arc::from(text), lines }
    }

    /// The name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// An error at `place`.
    pub fn error(&self, place: Place, message: impl Into<String>) -> Diagnostic {
        self.finding(Severity::Error, place, message)
    }

    /// A warning at `place`.
    pub fn warning(&self, place: Place, message: impl Into<String>) -> Diagnostic {
        self.finding(Severity::Warning, place, message)
    }

    fn finding(&self, severity: Severity, place: Place, message: impl Into<String>) -> Diagnostic {
        let snippet = self.line(place.line).unwrap_or_default();
        Diagnostic {
            severity,
            file: self.name.to_string(),
            line: place.line,
            column: place.column.max(1),
            length: place.length.max(1),
            snippet: snippet.to_owned(),
            message: message.into(),
            suggestion: None,
        }
    }

    fn line(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.text.get(*self.lines.get(index)?..)?.lines().next()
    }

    /// The place of `length` characters that start `offset` characters into a scalar's text; the
    /// whole scalar's place when the file spells it differently (escapes, several lines).
    pub fn within(&self, node: &Node, offset: usize, length: usize) -> Place {
        let Value::Scalar { text, .. } = &node.value else { return node.place };
        let Some(line) = self.line(node.place.line) else { return node.place };
        let before = (node.place.column.max(1) - 1) as usize;
        let rest: String = line.chars().skip(before).collect();
        let quote = usize::from(rest.starts_with(['"', '\'']));
        let written: String = rest.chars().skip(quote).collect();
        if !written.starts_with(text.as_str()) {
            return node.place;
        }
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            line: node.place.line,
            column: count(before + quote + offset + 1),
            length: count(length.max(1)),
        }
    }
}

/// Reads one file and collects what is wrong with it.
#[derive(Debug)]
pub struct Reader<'f> {
    file: &'f File,
    findings: Vec<Diagnostic>,
}

impl<'f> Reader<'f> {
    /// A reader without findings.
    pub fn new(file: &'f File) -> Self {
        Self { file, findings: Vec::new() }
    }

    /// The file that is read.
    pub fn file(&self) -> &'f File {
        self.file
    }

    /// All findings so far.
    pub fn into_findings(self) -> Vec<Diagnostic> {
        self.findings
    }

    /// Reports an error.
    pub fn error(&mut self, place: Place, message: impl Into<String>) {
        self.findings.push(self.file.error(place, message));
    }

    /// Reports an error and what was probably meant: the closest of `known` to `word`.
    pub fn unknown<'a>(
        &mut self,
        place: Place,
        message: impl Into<String>,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let mut finding = self.file.error(place, message);
        finding.suggestion = closest(word, known).map(|near| format!("did you mean `{near}`?"));
        self.findings.push(finding);
    }

    /// Reports a warning.
    pub fn warning(&mut self, place: Place, message: impl Into<String>) {
        self.findings.push(self.file.warning(place, message));
    }

    /// The file's only document; an empty file is [`Value::Null`]. `None` when it is not YAML.
    pub fn document(&mut self) -> Option<Node> {
        let text = Arc::clone(&self.file.text);
        match Builder::default().build(&text) {
            Ok(node) => Some(node),
            Err((place, message)) => {
                self.error(place, message);
                None
            }
        }
    }

    /// The named fields of a mapping. Keys outside `known` are errors with a suggestion.
    pub fn fields<'n>(&mut self, node: &'n Node, known: &[&str]) -> Option<Fields<'n>> {
        let mut by_name = HashMap::new();
        for (key, value) in self.entries(node)? {
            if known.contains(&key.key()) {
                by_name.insert(key.key(), (key, value));
            } else {
                let message = format!("unknown key `{}`", key.key());
                self.unknown(key.place, message, key.key(), known.iter().copied());
            }
        }
        Some(Fields { place: node.place, by_name })
    }

    /// The entries of a mapping whose keys are free.
    pub fn entries<'n>(&mut self, node: &'n Node) -> Option<&'n [(Node, Node)]> {
        if let Value::Map(entries) = &node.value {
            return Some(entries);
        }
        self.expected(node, "a mapping");
        None
    }

    /// The elements of a list.
    pub fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        if let Value::List(elements) = &node.value {
            return Some(elements);
        }
        self.expected(node, "a list");
        None
    }

    /// The elements of a list; a single value or mapping counts as a list of one.
    pub fn one_or_many<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(elements) => Some(elements),
            Value::Scalar { .. } | Value::Map(_) => Some(std::slice::from_ref(node)),
            Value::Null => {
                self.expected(node, "a value or a list");
                None
            }
        }
    }

    /// The text of a scalar; numbers and booleans are taken as they are written.
    pub fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        if let Value::Scalar { text, .. } = &node.value {
            return Some(text);
        }
        self.expected(node, "text");
        None
    }

    /// `true` or `false`, unquoted.
    pub fn boolean(&mut self, node: &Node) -> Option<bool> {
        if let Value::Scalar { text, plain: true } = &node.value {
            match text.as_str() {
                "true" | "True" | "TRUE" => return Some(true),
                "false" | "False" | "FALSE" => return Some(false),
                _ => {}
            }
        }
        self.expected(node, "true or false");
        None
    }

    /// A whole number, unquoted.
    pub fn integer(&mut self, node: &Node) -> Option<i64> {
        if let Value::Scalar { text, plain: true } = &node.value
            && let Ok(number) = text.parse()
        {
            return Some(number);
        }
        self.expected(node, "a whole number");
        None
    }

    /// A whole number from 0, unquoted.
    pub fn unsigned(&mut self, node: &Node) -> Option<u64> {
        if let Value::Scalar { text, plain: true } = &node.value
            && let Ok(number) = text.parse()
        {
            return Some(number);
        }
        self.expected(node, "a whole number from 0");
        None
    }

    /// A list of texts, or one text.
    pub fn texts(&mut self, node: &Node) -> Option<Vec<(String, Place)>> {
        let elements = self.one_or_many(node)?;
        let mut texts = Vec::with_capacity(elements.len());
        for element in elements {
            texts.push((self.text(element)?.to_owned(), element.place));
        }
        Some(texts)
    }

    /// Reports that something else should stand here.
    pub fn expected(&mut self, node: &Node, what: &str) {
        let found = match &node.value {
            Value::Scalar { text, .. } => format!("`{text}`"),
            Value::Null | Value::List(_) | Value::Map(_) => node.value.kind().to_owned(),
        };
        let mut finding = self.file.error(node.place, format!("expected {what}, found {found}"));
        if node.value == Value::Null && what == "text" {
            finding.suggestion = Some("write \"null\" with quotes if it is a word".to_owned());
        }
        self.findings.push(finding);
    }
}

/// The fields of one mapping, looked up by name.
#[derive(Debug)]
pub struct Fields<'n> {
    /// The mapping's place.
    pub place: Place,
    by_name: HashMap<&'n str, (&'n Node, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// The value of a field; an explicit `null` counts as absent.
    pub fn get(&self, name: &str) -> Option<&'n Node> {
        self.by_name.get(name).map(|(_, value)| *value).filter(|node| node.value != Value::Null)
    }

    /// The place of a field's key; the mapping's own when the field is absent.
    pub fn key_place(&self, name: &str) -> Place {
        self.by_name.get(name).map_or(self.place, |(key, _)| key.place)
    }

    /// The value of a field that must be there; reports its absence.
    pub fn require(&self, reader: &mut Reader<'_>, name: &str) -> Option<&'n Node> {
        let found = self.get(name);
        if found.is_none() {
            reader.error(self.place, format!("`{name}` is missing"));
        }
        found
    }
}

type Fault = (Place, String);

/// A collection that is not finished yet.
enum Open {
    List { place: Place, anchor: usize, elements: Vec<Node> },
    Map { place: Place, anchor: usize, entries: Vec<(Node, Node)>, key: Option<Node> },
}

/// Makes the tree from the parser's events, without recursion.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
    documents: usize,
    n_aliased: usize,
}

impl Builder {
    fn build(mut self, text: &str) -> Result<Node, Fault> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                let mark = error.marker();
                (position(mark.line(), mark.col(), 1), format!("not YAML: {}", error.info()))
            })?;
            self.event(event, &span)?;
        }
        Ok(self.root.unwrap_or(Node { place: Place::default(), value: Value::Null }))
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Fault> {
        let place = place(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err((place, "a file holds one document".to_owned()));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                untagged(place, tag.is_some())?;
                let plain = style == ScalarStyle::Plain;
                let value = if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::Scalar { text: text.into_owned(), plain }
                };
                self.finished(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                untagged(place, tag.is_some())?;
                self.open.push(Open::List { place, anchor, elements: Vec::new() });
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                untagged(place, tag.is_some())?;
                self.open.push(Open::Map { place, anchor, entries: Vec::new(), key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { place, anchor, elements }) => {
                    self.finished(Node { place, value: Value::List(elements) }, anchor)
                }
                Some(Open::Map { place, anchor, entries, .. }) => {
                    unrepeated(&entries)?;
                    self.finished(Node { place, value: Value::Map(entries) }, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some((node, size)) => {
                    self.n_aliased = self.n_aliased.saturating_add(*size);
                    if self.n_aliased > MAX_ALIASED_NODES {
                        let message = "the aliases of this file stand for too many values";
                        return Err((place, message.to_owned()));
                    }
                    let node = node.clone();
                    self.finished(Node { place, ..node }, 0)
                }
                None => Err((place, "an alias must not stand inside its own anchor".to_owned())),
            },
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::Comment(..) => Ok(()),
            Event::UnresolvedAlias(name) => Err((place, format!("unknown anchor `{name}`"))),
            // The enum may grow; what it will mean is unknown, so it is refused.
            _ => Err((place, "this part of YAML is not used here".to_owned())),
        }
    }

    /// Puts a finished node where it belongs.
    fn finished(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), count_nodes(&node)));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { elements, .. }) => elements.push(node),
            Some(Open::Map { entries, key, .. }) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                    return Ok(());
                }
                if !matches!(node.value, Value::Scalar { .. }) {
                    return Err((node.place, "a key must be a word".to_owned()));
                }
                *key = Some(node);
            }
        }
        Ok(())
    }
}

fn untagged(place: Place, tagged: bool) -> Result<(), Fault> {
    if tagged { Err((place, "YAML tags are not used here".to_owned())) } else { Ok(()) }
}

/// Which of two equal keys counts is nobody's guess.
fn unrepeated(entries: &[(Node, Node)]) -> Result<(), Fault> {
    let mut seen = HashSet::with_capacity(entries.len());
    match entries.iter().find(|(key, _)| !seen.insert(key.key())) {
        Some((key, _)) => Err((key.place, format!("the key `{}` is repeated", key.key()))),
        None => Ok(()),
    }
}

fn count_nodes(node: &Node) -> usize {
    let mut count = 0;
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        count += 1;
        match &node.value {
            Value::Null | Value::Scalar { .. } => {}
            Value::List(elements) => pending.extend(elements),
            Value::Map(entries) => {
                for (key, value) in entries {
                    pending.extend([key, value]);
                }
            }
        }
    }
    count
}

fn place(span: &Span) -> Place {
    let length = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    position(span.start.line(), span.start.col(), length)
}

fn position(line: usize, column_from_0: usize, length: usize) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: number(line), column: number(column_from_0 + 1), length: number(length.max(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str, read: impl FnOnce(&mut Reader<'_>, &Node)) -> Vec<String> {
        let file = File::new("f.yaml", text);
        let mut reader = Reader::new(&file);
        if let Some(node) = reader.document() {
            read(&mut reader, &node);
        }
        reader.into_findings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_line_and_what_was_meant() {
        let found = findings("roles:\n  grnats: []\n", |reader, node| {
            let fields = reader.fields(node, &["roles"]).unwrap();
            reader.fields(fields.get("roles").unwrap(), &["grants", "when"]);
        });
        assert_eq!(
            found,
            [
                "error: unknown key `grnats`\n  --> f.yaml:2:3\n  |\n2 |   grnats: []\n  |   ^^^^^^\n  \
              = help: did you mean `grants`?"
            ]
        );
    }

    #[test]
    fn a_column_counts_characters_not_bytes() {
        let found = findings("客户: [1, x]\n", |reader, node| {
            let (_, list) = &reader.entries(node).unwrap()[0];
            let elements = reader.list(list).unwrap();
            reader.integer(&elements[1]);
        });
        assert!(found[0].contains("f.yaml:1:9"), "{}", found[0]);
    }

    #[test]
    fn a_repeated_key_does_not_silently_win() {
        let found = findings("a: 1\na: 2\n", |_, _| {});
        assert!(found[0].contains("`a` is repeated"), "{}", found[0]);
    }

    #[test]
    fn a_second_document_is_not_silently_dropped() {
        assert!(findings("a: 1\n---\nb: 2\n", |_, _| {})[0].contains("one document"));
    }

    #[test]
    fn nested_aliases_do_not_eat_the_memory() {
        let mut lines = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x, x]".to_owned()];
        for n in 1..12 {
            let inner = vec![format!("*a{}", n - 1); 10].join(", ");
            lines.push(format!("a{n}: &a{n} [{inner}]"));
        }
        let found = findings(&lines.join("\n"), |_, _| {});
        assert!(found[0].contains("too many values"));
    }

    #[test]
    fn the_word_null_must_be_quoted_and_the_error_says_so() {
        let found = findings("kind: null\n", |reader, node| {
            let (_, value) = &reader.entries(node).unwrap()[0];
            reader.text(value);
        });
        assert!(found[0].contains("with quotes"), "{}", found[0]);
    }

    #[test]
    fn json_is_read_too() {
        assert!(
            findings("{\"a\": [1, true, \"x\"]}", |reader, node| {
                let (_, value) = &reader.entries(node).unwrap()[0];
                assert_eq!(reader.list(value).unwrap().len(), 3);
            })
            .is_empty()
        );
    }

    #[test]
    fn a_place_inside_a_quoted_text_points_at_the_word() {
        let file = File::new("f.yaml", "where: \"a = nope\"\n");
        let mut reader = Reader::new(&file);
        let node = reader.document().unwrap();
        let (_, value) = &reader.entries(&node).unwrap()[0];
        assert_eq!(file.within(value, 4, 4), Place { line: 1, column: 13, length: 4 });
    }
}
