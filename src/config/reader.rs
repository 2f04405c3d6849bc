//! Walks a parsed TOML document key by key and collects every finding instead of stopping at the
//! first. Reads the files and environment variables that values refer to.
//!
//! A key is known because somebody asked for it: [`Section::finish`] reports the others, so the
//! list of keys cannot differ from the code that reads them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::{SourceText, io_reason};
use super::units;
use crate::diagnostic::{Diagnostic, Severity, closest};

/// Looks up an environment variable.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where a value stands and what it is called (`listen.tls.mode`).
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) span: Range<usize>,
    pub(super) key: String,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct Item<'t> {
    pub(super) value: &'t DeValue<'t>,
    pub(super) place: Place,
}

/// Reads values and remembers what was wrong.
pub(super) struct Reader<'a> {
    source: &'a SourceText,
    folder: PathBuf,
    environment: Environment<'a>,
    findings: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a SourceText, environment: Environment<'a>) -> Self {
        let folder = Path::new(&source.file).parent().map(Path::to_path_buf).unwrap_or_default();
        Self { source, folder, environment, findings: Vec::new() }
    }

    pub(super) fn into_findings(self) -> Vec<Diagnostic> {
        self.findings
    }

    pub(super) fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.findings.push(self.source.finding(Severity::Error, span, message, None));
    }

    pub(super) fn error_with_help(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.findings.push(self.source.finding(Severity::Error, span, message, Some(help.into())));
    }

    pub(super) fn warning(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.findings.push(self.source.finding(Severity::Warning, span, message, help));
    }

    pub(super) fn error_about_file(&mut self, message: impl Into<String>, help: Option<String>) {
        self.findings.push(self.source.finding_about_file(Severity::Error, message, help));
    }

    fn wrong_type(&mut self, item: &Item<'_>, expected: &str) {
        let message =
            format!("`{}` must be {expected}, not {}", item.place.key, kind_of(item.value));
        self.error(item.place.span.clone(), message);
    }

    /// A string, or what `{ env = "NAME" }` or `{ file = "PATH" }` stands for.
    pub(super) fn text(&mut self, item: &Item<'_>) -> Option<String> {
        match item.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Table(table) => self.referred_text(item, table),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                self.wrong_type(item, "a string");
                None
            }
        }
    }

    fn referred_text(&mut self, item: &Item<'_>, table: &DeTable<'_>) -> Option<String> {
        let mut entries = table.iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            self.wrong_reference(item);
            return None;
        };
        let DeValue::String(name) = value.get_ref() else {
            self.wrong_reference(item);
            return None;
        };
        match key.get_ref().as_ref() {
            "env" => {
                let found = (self.environment)(name);
                if found.is_none() {
                    self.error_with_help(
                        value.span(),
                        format!("environment variable `{name}` is not set"),
                        format!(
                            "set {name} for the gateway's process, or give `{}` another way",
                            item.place.key
                        ),
                    );
                }
                found
            }
            "file" => {
                let path = self.folder.join(name.as_ref());
                match std::fs::read_to_string(&path) {
                    // Editors and `echo` end a file with a newline that is no part of the value.
                    Ok(text) => Some(
                        text.strip_suffix('\n')
                            .map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line))
                            .to_owned(),
                    ),
                    Err(error) => {
                        self.error(
                            value.span(),
                            format!("cannot read `{}`: {}", path.display(), io_reason(&error)),
                        );
                        None
                    }
                }
            }
            _ => {
                self.wrong_reference(item);
                None
            }
        }
    }

    fn wrong_reference(&mut self, item: &Item<'_>) {
        let message = format!("`{}` must be a string", item.place.key);
        self.error_with_help(
            item.place.span.clone(),
            message,
            "write \"text\", { env = \"NAME\" } or { file = \"PATH\" }",
        );
    }

    /// A path, relative to the folder of the configuration file.
    pub(super) fn path(&mut self, item: &Item<'_>) -> Option<PathBuf> {
        let text = self.text(item)?;
        if text.is_empty() {
            self.error(item.place.span.clone(), format!("`{}` is an empty path", item.place.key));
            return None;
        }
        Some(self.folder.join(text))
    }

    /// A path to something that has to exist.
    pub(super) fn existing_path(&mut self, item: &Item<'_>) -> Option<PathBuf> {
        let path = self.path(item)?;
        match std::fs::metadata(&path) {
            Ok(_) => Some(path),
            Err(error) => {
                self.error(
                    item.place.span.clone(),
                    format!("cannot read `{}`: {}", path.display(), io_reason(&error)),
                );
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, item: &Item<'_>) -> Option<bool> {
        if let DeValue::Boolean(value) = item.value {
            return Some(*value);
        }
        self.wrong_type(item, "true or false");
        None
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number(&mut self, item: &Item<'_>, least: u64, most: u64) -> Option<u64> {
        let DeValue::Integer(digits) = item.value else {
            self.wrong_type(item, "a whole number");
            return None;
        };
        let value = u64::from_str_radix(digits.as_str(), digits.radix()).ok();
        let within = value.filter(|value| (least..=most).contains(value));
        if within.is_none() {
            let message = format!("`{}` must be from {least} to {most}", item.place.key);
            self.error(item.place.span.clone(), message);
        }
        within
    }

    /// A duration above zero, of whole milliseconds: what settings of the server count in.
    pub(super) fn duration(&mut self, item: &Item<'_>) -> Option<Duration> {
        let value = self.short_duration(item)?;
        if value.subsec_nanos() % 1_000_000 != 0 {
            let message = format!("`{}` must be whole milliseconds", item.place.key);
            self.error(item.place.span.clone(), message);
            return None;
        }
        Some(value)
    }

    /// A duration above zero.
    pub(super) fn short_duration(&mut self, item: &Item<'_>) -> Option<Duration> {
        let (DeValue::String(_) | DeValue::Table(_)) = item.value else {
            self.wrong_type(item, "a duration like \"30s\"");
            return None;
        };
        let text = self.text(item)?;
        let Some(value) = units::duration(&text) else {
            self.error_with_help(
                item.place.span.clone(),
                format!("`{text}` is not a duration"),
                "write a number with its unit: us, ms, s, m, h, d or w, as in \"30s\"",
            );
            return None;
        };
        if value.is_zero() {
            let message = format!("`{}` must be longer than zero", item.place.key);
            self.error(item.place.span.clone(), message);
            return None;
        }
        Some(value)
    }

    /// A size in bytes from `least` to `most`.
    pub(super) fn size(&mut self, item: &Item<'_>, least: u64, most: u64) -> Option<u64> {
        let (DeValue::String(_) | DeValue::Table(_)) = item.value else {
            self.wrong_type(item, "a size like \"16MiB\"");
            return None;
        };
        let text = self.text(item)?;
        let Some(value) = units::size(&text) else {
            self.error_with_help(
                item.place.span.clone(),
                format!("`{text}` is not a size"),
                "write a whole number with its unit: B, KiB, MiB or GiB, as in \"16MiB\"",
            );
            return None;
        };
        if !(least..=most).contains(&value) {
            let message = format!("`{}` must be from {least} to {most} bytes", item.place.key);
            self.error(item.place.span.clone(), message);
            return None;
        }
        Some(value)
    }

    /// One of the given words.
    pub(super) fn choice<T: Copy>(&mut self, item: &Item<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(item)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let message = format!("`{text}` is not a value of `{}`", item.place.key);
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let help = match closest(&text, known.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("expected {}", one_of(&known)),
        };
        self.error_with_help(item.place.span.clone(), message, help);
        None
    }

    /// The elements of an array.
    pub(super) fn elements<'t>(&mut self, item: &Item<'t>, of: &str) -> Option<Vec<Item<'t>>> {
        let DeValue::Array(array) = item.value else {
            self.wrong_type(item, &format!("an array of {of}"));
            return None;
        };
        Some(
            array
                .iter()
                .enumerate()
                .map(|(index, element)| Item {
                    value: element.get_ref(),
                    place: Place {
                        span: element.span(),
                        key: format!("{}[{index}]", item.place.key),
                    },
                })
                .collect(),
        )
    }

    /// The table a value is.
    pub(super) fn section<'t>(&mut self, item: &Item<'t>) -> Option<Section<'t>> {
        let DeValue::Table(table) = item.value else {
            self.wrong_type(item, "a table");
            return None;
        };
        Some(Section { table, place: item.place.clone(), asked: Vec::new() })
    }
}

/// A table whose keys are being read.
#[derive(Debug)]
pub(super) struct Section<'t> {
    table: &'t DeTable<'t>,
    pub(super) place: Place,
    asked: Vec<String>,
}

impl<'t> Section<'t> {
    pub(super) fn root(document: &'t Spanned<DeTable<'t>>) -> Self {
        Self {
            table: document.get_ref(),
            place: Place { span: 0..0, key: String::new() },
            asked: Vec::new(),
        }
    }

    /// The value of a key, if it is there; from now on the key is a known one.
    pub(super) fn item(&mut self, key: &str) -> Option<Item<'t>> {
        self.asked.push(key.to_owned());
        let (name, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        let value_is_section = matches!(value.get_ref(), DeValue::Table(_));
        let key = self.full_key(key);
        // A `[section]` is pointed at by its name: its span may be the whole of its body.
        let span = if value_is_section { name.span() } else { value.span() };
        Some(Item { value: value.get_ref(), place: Place { span, key } })
    }

    /// Every entry, for tables whose keys are names that the user chooses.
    pub(super) fn entries(&mut self) -> Vec<(String, Item<'t>)> {
        let keys: Vec<String> =
            self.table.iter().map(|(name, _)| name.get_ref().to_string()).collect();
        keys.into_iter()
            .filter_map(|key| {
                let item = self.item(&key)?;
                Some((key, item))
            })
            .collect()
    }

    /// The value of a key that has to be there.
    pub(super) fn required(&mut self, reader: &mut Reader<'_>, key: &str) -> Option<Item<'t>> {
        let item = self.item(key);
        if item.is_none() {
            let message = format!("`{}` is missing", self.full_key(key));
            if self.place.key.is_empty() {
                reader.error_about_file(message, None);
            } else {
                reader.error(self.place.span.clone(), message);
            }
        }
        item
    }

    /// Reports the keys nobody asked for.
    pub(super) fn finish(self, reader: &mut Reader<'_>) {
        for (name, _) in self.table {
            let key = name.get_ref().as_ref();
            if self.asked.iter().any(|asked| asked == key) {
                continue;
            }
            let message = format!("unknown key `{}`", self.full_key(key));
            let known: Vec<&str> = self.asked.iter().map(String::as_str).collect();
            match closest(key, known.iter().copied()) {
                Some(word) => {
                    reader.error_with_help(name.span(), message, format!("did you mean `{word}`?"));
                }
                None => reader.error_with_help(
                    name.span(),
                    message,
                    format!("known here: {}", known.join(", ")),
                ),
            }
        }
    }

    fn full_key(&self, key: &str) -> String {
        if self.place.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place.key) }
    }
}

/// `a`, `b` or `c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", first.join(", "))
        }
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
