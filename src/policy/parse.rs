//! Policy files → [`Model`]: form, unknown keys, words out of place. Reports everything at once.
//! Pure; what the words mean in a database is `compile`'s business.

use std::collections::HashSet;

use crate::diagnostic::Diagnostic;
use crate::policy::model::{
    At, CombineMasks, CombineRows, GrantModel, GroupLink, Limits, LinkTable, MaskModel, Model,
    OwnerLink, ParentLink, RoleModel, RuleModel, SCOPES, ScopeModel, ShareLink, TableModel,
    VerbModel, Word,
};
use crate::policy::scope::{MaskMatch, Verb};
use crate::yaml::{Fields, File, Node, Reader, Value};

/// The verbs in the order the documentation lists them.
pub(super) const VERBS: [Verb; 7] = [
    Verb::Read,
    Verb::Create,
    Verb::Update,
    Verb::Delete,
    Verb::Export,
    Verb::Assign,
    Verb::Manage,
];

/// Reads all files of a policy set: (name below the policy folder, text).
pub(super) fn parse(texts: &[(String, String)]) -> Result<Model, Vec<Diagnostic>> {
    let mut model = Model::default();
    let mut findings = Vec::new();
    for (name, text) in texts {
        model.files.push(File::new(name, text));
    }
    for (index, file) in model.files.clone().iter().enumerate() {
        let mut parser = Parser { reader: Reader::new(file), file: index };
        if let Some(root) = parser.reader.document() {
            parser.file_root(&root, &mut model);
        }
        findings.extend(parser.reader.into_findings());
    }
    let mut described = HashSet::new();
    for table in &model.tables {
        if !described.insert(table.name.text.as_str()) {
            let message = format!("`{}` is described twice", table.name.text);
            findings.push(model.error(table.name.at, message));
        }
    }
    let mut masked = HashSet::new();
    for (tag, _) in &model.masks {
        if !masked.insert(tag.text.as_str()) {
            let message = format!("the mask of `{}` is written twice", tag.text);
            findings.push(model.error(tag.at, message));
        }
    }
    if findings.is_empty() { Ok(model) } else { Err(findings) }
}

struct Parser<'f> {
    reader: Reader<'f>,
    file: usize,
}

impl Parser<'_> {
    fn at(&self, node: &Node) -> At {
        At { file: self.file, place: node.place }
    }

    fn word(&mut self, node: &Node) -> Option<Word> {
        let text = self.reader.text(node)?.to_owned();
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
            self.reader.error(node.place, "control characters are not used in a policy");
            return None;
        }
        Some(Word { text, at: self.at(node), node: Some(Box::new(node.clone())) })
    }

    fn words(&mut self, node: &Node) -> Vec<Word> {
        let Some(elements) = self.reader.one_or_many(node) else { return Vec::new() };
        elements.iter().filter_map(|element| self.word(element)).collect()
    }

    fn field_words(&mut self, fields: &Fields<'_>, name: &str) -> Vec<Word> {
        fields.get(name).map(|node| self.words(node)).unwrap_or_default()
    }

    fn field_word(&mut self, fields: &Fields<'_>, name: &str) -> Option<Word> {
        fields.get(name).and_then(|node| self.word(node))
    }

    fn required_word(&mut self, fields: &Fields<'_>, name: &str) -> Option<Word> {
        let node = fields.require(&mut self.reader, name)?;
        self.word(node)
    }

    fn file_root(&mut self, root: &Node, model: &mut Model) {
        if root.value == Value::Null {
            return;
        }
        let known = ["tables", "masks", "roles", "rules", "exclusive_roles", "combine", "defaults"];
        let Some(fields) = self.reader.fields(root, &known) else { return };
        if let Some(node) = fields.get("tables") {
            for (key, value) in self.reader.entries(node).unwrap_or_default() {
                if let Some(table) = self.table(key, value) {
                    model.tables.push(table);
                }
            }
        }
        if let Some(node) = fields.get("masks") {
            for (key, value) in self.reader.entries(node).unwrap_or_default() {
                if let (Some(tag), Some(mask)) = (self.word(key), self.mask(value)) {
                    model.masks.push((tag, mask));
                }
            }
        }
        if let Some(node) = fields.get("roles") {
            for (key, value) in self.reader.entries(node).unwrap_or_default() {
                if let Some(role) = self.role(key, value) {
                    model.roles.push(role);
                }
            }
        }
        if let Some(node) = fields.get("rules") {
            for element in self.reader.list(node).unwrap_or_default() {
                if let Some(rule) = self.rule(element) {
                    model.rules.push(rule);
                }
            }
        }
        if let Some(node) = fields.get("exclusive_roles") {
            for element in self.reader.list(node).unwrap_or_default() {
                if let Some(names) = self.reader.list(element) {
                    model.exclusive.push(names.iter().filter_map(|n| self.word(n)).collect());
                }
            }
        }
        if let Some(node) = fields.get("combine") {
            self.combine(node, model);
        }
        if let Some(node) = fields.get("defaults") {
            self.defaults(node, model);
        }
    }

    fn choice(&mut self, fields: &Fields<'_>, name: &str, known: &[&str]) -> Option<String> {
        let node = fields.get(name)?;
        let text = self.reader.text(node)?.to_owned();
        if known.contains(&text.as_str()) {
            return Some(text);
        }
        let message = format!("`{name}` is one of {}, not `{text}`", known.join(", "));
        self.reader.unknown(node.place, message, &text, known.iter().copied());
        None
    }

    fn combine(&mut self, node: &Node, model: &mut Model) {
        let Some(fields) = self.reader.fields(node, &["rows", "masks"]) else { return };
        if let Some(rows) = self.choice(&fields, "rows", &["union", "intersect"]) {
            model.combine_rows =
                if rows == "union" { CombineRows::Union } else { CombineRows::Intersect };
        }
        if let Some(masks) = self.choice(&fields, "masks", &["per_row", "least", "most"]) {
            model.combine_masks = match masks.as_str() {
                "least" => CombineMasks::Least,
                "most" => CombineMasks::Most,
                _ => CombineMasks::PerRow,
            };
        }
    }

    fn defaults(&mut self, node: &Node, model: &mut Model) {
        let known = ["unlisted_tables", "unclassified_columns", "catalog"];
        let Some(fields) = self.reader.fields(node, &known) else { return };
        self.choice(&fields, "unlisted_tables", &["deny"]);
        self.choice(&fields, "catalog", &["filtered"]);
        if let Some(columns) = self.choice(&fields, "unclassified_columns", &["visible", "deny"]) {
            model.deny_unclassified = columns == "deny";
        }
    }

    fn table(&mut self, key: &Node, value: &Node) -> Option<TableModel> {
        let known = ["key", "owner", "department", "team", "share", "parent", "tenant", "tags"];
        let fields = self.reader.fields(value, &known)?;
        let owner = fields.get("owner").and_then(|node| match &node.value {
            Value::Map(_) => self.link_table(node).map(OwnerLink::Table),
            Value::Null | Value::Scalar { .. } | Value::List(_) => {
                self.word(node).map(OwnerLink::Column)
            }
        });
        let department = fields.get("department").and_then(|node| self.group(node, false));
        let team = fields.get("team").and_then(|node| self.group(node, true));
        let share = fields.get("share").and_then(|node| self.share(node));
        let parent = fields.get("parent").and_then(|node| {
            let fields = self.reader.fields(node, &["table", "column"])?;
            Some(ParentLink {
                table: self.required_word(&fields, "table")?,
                column: self.required_word(&fields, "column")?,
            })
        });
        let mut tags = Vec::new();
        if let Some(node) = fields.get("tags") {
            for (column, tag) in self.reader.entries(node).unwrap_or_default() {
                if let (Some(column), Some(tag)) = (self.word(column), self.word(tag)) {
                    tags.push((column, tag));
                }
            }
        }
        Some(TableModel {
            name: self.word(key)?,
            key: self.field_word(&fields, "key"),
            owner,
            department,
            team,
            share,
            parent,
            tenant: self.field_word(&fields, "tenant"),
            tags,
        })
    }

    fn link_table(&mut self, node: &Node) -> Option<LinkTable> {
        let fields = self.reader.fields(node, &["table", "record", "user"])?;
        Some(LinkTable {
            table: self.required_word(&fields, "table")?,
            record: self.required_word(&fields, "record")?,
            user: self.required_word(&fields, "user")?,
        })
    }

    fn group(&mut self, node: &Node, with_table: bool) -> Option<GroupLink> {
        let Value::Map(entries) = &node.value else {
            return self.word(node).map(GroupLink::Column);
        };
        if with_table && !entries.iter().any(|(key, _)| key.key() == "via") {
            return self.link_table(node).map(GroupLink::Table);
        }
        let fields = self.reader.fields(node, &["via"])?;
        fields.require(&mut self.reader, "via")?;
        self.choice(&fields, "via", &["owner"]).map(|_| GroupLink::ViaOwner)
    }

    fn share(&mut self, node: &Node) -> Option<ShareLink> {
        let known = ["table", "record", "object", "object_column", "principal", "level", "expires"];
        let fields = self.reader.fields(node, &known)?;
        Some(ShareLink {
            table: self.required_word(&fields, "table")?,
            record: self.required_word(&fields, "record")?,
            object: self.field_word(&fields, "object"),
            object_column: self.field_word(&fields, "object_column"),
            principal: self.required_word(&fields, "principal")?,
            level: self.field_word(&fields, "level"),
            expires: self.field_word(&fields, "expires"),
        })
    }

    fn mask(&mut self, node: &Node) -> Option<MaskModel> {
        let entries = self.reader.entries(node)?;
        let mut kind = None;
        let mut matching = MaskMatch::Masked;
        let mut options = Vec::new();
        for (key, value) in entries {
            match key.key() {
                "kind" => kind = self.word(value),
                "match" => match self.reader.text(value)? {
                    "masked" => matching = MaskMatch::Masked,
                    "exact" => matching = MaskMatch::Exact,
                    "refuse" => matching = MaskMatch::Refuse,
                    other => {
                        let message =
                            format!("`match` is one of masked, exact, refuse, not `{other}`");
                        let word = other.to_owned();
                        let known = ["masked", "exact", "refuse"];
                        self.reader.unknown(value.place, message, &word, known);
                    }
                },
                _ => {
                    if let (Some(name), Some(value)) = (self.word(key), self.word(value)) {
                        options.push((name, value));
                    }
                }
            }
        }
        let Some(kind) = kind else {
            if !entries.iter().any(|(key, _)| key.key() == "kind") {
                self.reader.error(node.place, "`kind` is missing");
            }
            return None;
        };
        Some(MaskModel { kind, options, matching })
    }

    fn masks(&mut self, fields: &Fields<'_>) -> Vec<(Word, MaskModel)> {
        let Some(node) = fields.get("masks") else { return Vec::new() };
        let mut masks = Vec::new();
        for (key, value) in self.reader.entries(node).unwrap_or_default() {
            if let (Some(name), Some(mask)) = (self.word(key), self.mask(value)) {
                masks.push((name, mask));
            }
        }
        masks
    }

    fn limits(&mut self, fields: &Fields<'_>) -> Limits {
        let Some(node) = fields.get("limits") else { return Limits::default() };
        let known = ["rows_per_query", "rows_per_day", "statements_per_minute"];
        let Some(limits) = self.reader.fields(node, &known) else { return Limits::default() };
        let mut number = |name: &str| limits.get(name).and_then(|node| self.reader.unsigned(node));
        Limits {
            rows_per_query: number("rows_per_query"),
            rows_per_day: number("rows_per_day"),
            statements_per_minute: number("statements_per_minute"),
        }
    }

    fn role(&mut self, key: &Node, value: &Node) -> Option<RoleModel> {
        let known = ["includes", "grants", "when", "limits", "unrestricted"];
        let name = self.word(key)?;
        let mut role = RoleModel {
            name,
            includes: Vec::new(),
            grants: Vec::new(),
            when: None,
            limits: Limits::default(),
            unrestricted: false,
        };
        if value.value == Value::Null {
            return Some(role);
        }
        let fields = self.reader.fields(value, &known)?;
        role.includes = self.field_words(&fields, "includes");
        role.when = self.field_word(&fields, "when");
        role.limits = self.limits(&fields);
        if let Some(node) = fields.get("unrestricted") {
            role.unrestricted = self.reader.boolean(node)?;
        }
        if let Some(node) = fields.get("grants") {
            for element in self.reader.list(node).unwrap_or_default() {
                if let Some(grant) = self.grant(element) {
                    role.grants.push(grant);
                }
            }
        }
        Some(role)
    }

    fn grant(&mut self, node: &Node) -> Option<GrantModel> {
        let mut known: Vec<&str> = vec![
            "tables",
            "functions",
            "sequences",
            "execute",
            "use",
            "unmask",
            "deny_columns",
            "where",
            "masks",
        ];
        known.extend(VERBS.iter().map(|verb| verb.as_str()));
        let fields = self.reader.fields(node, &known)?;
        let mut verbs = Vec::new();
        for verb in VERBS {
            if let Some(value) = fields.get(verb.as_str())
                && let Some(model) = self.verb(verb, value)
            {
                verbs.push(model);
            }
        }
        let mut granted = |things: &str, word: &str| -> Vec<Word> {
            let named = self.field_words(&fields, things);
            let allowed = fields.get(word).and_then(|value| self.reader.boolean(value));
            if !named.is_empty() && allowed.is_none() {
                let message = format!("`{things}` needs `{word}: true`");
                self.reader.error(fields.key_place(things), message);
            }
            if allowed == Some(true) { named } else { Vec::new() }
        };
        let functions = granted("functions", "execute");
        let sequences = granted("sequences", "use");
        let tables = self.field_words(&fields, "tables");
        let named = ["tables", "functions", "sequences"].iter().any(|n| fields.get(n).is_some());
        if !named {
            self.reader.error(node.place, "a grant names `tables`, `functions` or `sequences`");
        }
        if tables.is_empty() && !verbs.is_empty() {
            self.reader.error(node.place, "`tables` is missing: these verbs concern nothing");
        }
        Some(GrantModel {
            at: self.at(node),
            tables,
            verbs,
            unmask: self.field_words(&fields, "unmask"),
            deny_columns: self.field_words(&fields, "deny_columns"),
            predicate: self.field_word(&fields, "where"),
            masks: self.masks(&fields),
            functions,
            sequences,
        })
    }

    fn verb(&mut self, verb: Verb, node: &Node) -> Option<VerbModel> {
        let at = self.at(node);
        let mut model = VerbModel {
            verb,
            scopes: Vec::new(),
            predicate: None,
            columns: None,
            masks: Vec::new(),
            limits: Limits::default(),
        };
        let all = |at: At| ScopeModel::Named(Word { text: "all".to_owned(), at, node: None });
        match &node.value {
            Value::Scalar { .. } => {
                if !self.reader.boolean(node)? {
                    return None;
                }
                model.scopes.push(all(at));
            }
            Value::Null | Value::List(_) => {
                self.reader.expected(node, "true or a mapping");
                return None;
            }
            Value::Map(_) => {
                let known = ["scope", "where", "columns", "masks", "limits"];
                let fields = self.reader.fields(node, &known)?;
                match fields.get("scope") {
                    Some(scopes) => model.scopes = self.scopes(scopes),
                    None => model.scopes.push(all(at)),
                }
                model.predicate = self.field_word(&fields, "where");
                if fields.get("columns").is_some() {
                    model.columns = Some(self.field_words(&fields, "columns"));
                }
                model.masks = self.masks(&fields);
                model.limits = self.limits(&fields);
                let Limits { rows_per_query: _, rows_per_day, statements_per_minute } =
                    model.limits;
                if rows_per_day.is_some() || statements_per_minute.is_some() {
                    let message = "a verb is limited by `rows_per_query` only; \
                                   the other limits belong to the role";
                    self.reader.error(fields.key_place("limits"), message);
                }
            }
        }
        Some(model)
    }

    fn scopes(&mut self, node: &Node) -> Vec<ScopeModel> {
        let mut scopes = Vec::new();
        for element in self.reader.one_or_many(node).unwrap_or_default() {
            if let Value::Map(_) = &element.value {
                if let Some(fields) = self.reader.fields(element, &["where"])
                    && let Some(predicate) = self.required_word(&fields, "where")
                {
                    scopes.push(ScopeModel::Where(predicate));
                }
                continue;
            }
            let Some(word) = self.word(element) else { continue };
            if SCOPES.contains(&word.text.as_str()) {
                scopes.push(ScopeModel::Named(word));
            } else {
                let message = format!("unknown scope `{}`", word.text);
                self.reader.unknown(element.place, message, &word.text, SCOPES);
            }
        }
        scopes
    }

    fn rule(&mut self, node: &Node) -> Option<RuleModel> {
        let fields =
            self.reader.fields(node, &["name", "roles", "tables", "verbs", "predicate"])?;
        let mut verbs = Vec::new();
        for word in self.field_words(&fields, "verbs") {
            if let Some(verb) = VERBS.iter().find(|verb| verb.as_str() == word.text) {
                verbs.push(*verb);
            } else {
                let message = format!("unknown verb `{}`", word.text);
                let known = VERBS.iter().map(|verb| verb.as_str());
                self.reader.unknown(word.at.place, message, &word.text, known);
            }
        }
        fields.require(&mut self.reader, "tables")?;
        Some(RuleModel {
            name: self.required_word(&fields, "name")?,
            roles: self.field_words(&fields, "roles"),
            tables: self.field_words(&fields, "tables"),
            verbs,
            predicate: self.required_word(&fields, "predicate")?,
        })
    }
}
