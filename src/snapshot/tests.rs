use std::fs;
use std::path::PathBuf;

use super::*;
use crate::config::{SourceText, load_text};
use crate::ids::RelationId;

const CONFIG: &str = r#"
[backend]
hosts = ["127.0.0.1:5432"]
database = "crm"
user = "rowgate"
[directory]
file = "directory.yaml"
[policy]
path = "policies"
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("directory.yaml", "users: [ { login: alice, roles: [rep] } ]\n");
        folder.write("policies/crm/sales.yaml", "roles: { rep: {} }\n");
        folder.write("policies/crm/sales.test.yaml", "tests: []\n");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn settings(&self) -> Arc<Settings> {
        let file = self.path("rowgate.toml").display().to_string();
        let source = SourceText { file, text: CONFIG.to_owned() };
        Arc::new(load_text(&source, &|_| None).unwrap().settings)
    }

    fn state(&self) -> State {
        State::load(self.settings(), Arc::default(), None, Timestamp::UNIX_EPOCH).unwrap().0
    }
}

fn reload(state: &State) -> Option<Arc<Report>> {
    state.reload(Cause::Signal, Timestamp::UNIX_EPOCH)
}

#[test]
fn a_changed_directory_is_in_force_and_reported() {
    let folder = Folder::new();
    let state = folder.state();
    let mut reports = state.subscribe();
    assert_eq!(reload(&state), None);
    folder.write("directory.yaml", "users: [ { login: bob, roles: [rep] } ]\n");
    let held = state.current();
    let report = reload(&state).unwrap();
    assert!(report.accepted());
    assert_eq!(report.before.directory, DirectoryVersion(1));
    assert_eq!(report.after.directory, DirectoryVersion(2));
    assert_eq!(report.after.policy, report.before.policy);
    assert_eq!(
        report.files,
        [(folder.path("directory.yaml").display().to_string(), FileChange::Changed)]
    );
    assert!(state.current().directory.person("bob").is_some());
    assert!(held.directory.person("bob").is_none(), "a statement keeps the state it started with");
    assert_eq!(reports.try_recv().unwrap(), report);
}

#[test]
fn a_broken_version_is_refused_with_all_its_findings_and_the_old_one_stays() {
    let folder = Folder::new();
    let state = folder.state();
    folder.write("directory.yaml", "users: [ { login: alice, manager: nobody } ]\n");
    folder.write("policies/crm/sales.yaml", "roles: [\n");
    let report = reload(&state).unwrap();
    assert!(!report.accepted());
    assert_eq!(report.after, report.before);
    let files: Vec<String> = report.findings.iter().map(|finding| finding.file.clone()).collect();
    assert_eq!(
        files,
        [
            folder.path("directory.yaml").display().to_string(),
            folder.path("policies/crm/sales.yaml").display().to_string()
        ]
    );
    assert_eq!(state.current().directory.person("alice").unwrap().manager, None);
}

#[test]
fn a_role_that_disappears_from_the_policy_is_refused_while_somebody_holds_it() {
    let folder = Folder::new();
    let state = folder.state();
    folder.write("policies/crm/sales.yaml", "roles: { reps: {} }\n");
    let report = reload(&state).unwrap();
    assert_eq!(report.findings[0].message, "role `rep` is not in the policy");
    assert_eq!(report.findings[0].suggestion.as_deref(), Some("did you mean `reps`?"));
    folder.write("directory.yaml", "users: [ { login: alice, roles: [reps] } ]\n");
    assert!(reload(&state).unwrap().accepted());
}

#[test]
fn added_and_removed_files_change_the_policy_version() {
    let folder = Folder::new();
    let state = folder.state();
    let first = state.current().versions.policy.clone();
    folder.write("policies/more.yaml", "roles: { head: {} }\n");
    let report = reload(&state).unwrap();
    assert_eq!(report.files, [("more.yaml".to_owned(), FileChange::Added)]);
    assert_ne!(report.after.policy, first);
    fs::remove_file(folder.path("policies/more.yaml")).unwrap();
    let report = reload(&state).unwrap();
    assert_eq!(report.files, [("more.yaml".to_owned(), FileChange::Removed)]);
    assert_eq!(report.after.policy, first);
}

#[test]
fn a_policy_that_does_not_fit_a_new_catalogue_keeps_the_old_catalogue() {
    fn fits(
        texts: &PolicyTexts,
        catalog: &Catalog,
        key: &str,
    ) -> Result<CompiledRules, Vec<Diagnostic>> {
        if catalog.version == CatalogVersion(2) {
            return Err(vec![crate::config::about_file("p", Severity::Error, "drift", None)]);
        }
        compile(texts, catalog, key)
    }
    let folder = Folder::new();
    let (state, _) =
        State::load_with(fits, folder.settings(), Arc::default(), None, Timestamp::UNIX_EPOCH)
            .unwrap();
    let catalog = |version| {
        Arc::new(Catalog::new(
            CatalogVersion(version),
            0,
            "",
            crate::catalog::CatalogParts::default(),
        ))
    };
    assert!(!state.replace_catalog(catalog(2)).accepted());
    assert_eq!(state.current().versions.catalog, CatalogVersion(0));
    assert!(state.replace_catalog(catalog(3)).accepted());
    assert_eq!(state.current().catalog.version, CatalogVersion(3));
}

fn relation(id: u32, name: &str, definition: &str) -> crate::catalog::Relation {
    crate::catalog::Relation {
        id: RelationId(id),
        schema: "crm".into(),
        name: name.into(),
        kind: crate::catalog::RelationKind::View,
        columns: Vec::new(),
        primary_key: Vec::new(),
        parents: Vec::new(),
        view_definition: Some(definition.into()),
        has_rules: false,
        has_triggers: false,
        row_security: false,
        row_type: crate::ids::TypeId(0),
    }
}

fn picture(version: u64, relations: Vec<crate::catalog::Relation>) -> Arc<Catalog> {
    let parts = crate::catalog::CatalogParts { relations, ..Default::default() };
    Arc::new(Catalog::new(CatalogVersion(version), 0, "", parts))
}

fn touched(id: u32, filter: &str) -> [Touched; 1] {
    [Touched {
        relation: RelationId(id),
        name: "crm.x".into(),
        verb: crate::policy::Verb::Read,
        columns: Vec::new(),
        filter: filter.into(),
        masks: Vec::new(),
        compared: 0,
        lines: [].into(),
    }]
}

#[test]
fn a_relation_that_changed_is_readable_while_the_policy_does_not_fit() {
    /// Fits a catalogue of an even version only, unless the policy was mended.
    fn fits(
        texts: &PolicyTexts,
        catalog: &Catalog,
        key: &str,
    ) -> Result<CompiledRules, Vec<Diagnostic>> {
        let mended = texts.files().iter().any(|(_, text)| text.contains("mended"));
        if catalog.version.0 % 2 == 1 && !mended {
            return Err(vec![crate::config::about_file("p", Severity::Error, "drift", None)]);
        }
        compile(texts, catalog, key)
    }
    let folder = Folder::new();
    let before = vec![
        relation(1, "same", "a"),
        relation(2, "redefined", "a"),
        relation(3, "renamed", "a"),
        relation(4, "gone", "a"),
    ];
    let (state, _) =
        State::load_with(fits, folder.settings(), picture(0, before), None, Timestamp::UNIX_EPOCH)
            .unwrap();
    let holds = |id, filter: &str| {
        let answer = state.still_meant(&touched(id, filter), Timestamp::UNIX_EPOCH);
        answer.map_err(|refusal| refusal.sqlstate.0)
    };
    let after =
        vec![relation(1, "same", "a"), relation(2, "redefined", "b"), relation(3, "other", "a")];
    assert!(!state.replace_catalog(picture(1, after)).accepted());
    assert_eq!(holds(1, ""), Ok(()));
    assert_eq!(holds(1, "owner_id = :user.id"), Ok(()));
    for (id, filter) in [(2, ""), (3, ""), (4, ""), (1, "id = ANY(ARRAY(SELECT a FROM b))")] {
        assert_eq!(holds(id, filter), Err("55000"), "{id} {filter}");
    }
    // Who may still work does not wait for the policy to fit.
    folder.write("directory.yaml", "users: [ { login: bob, roles: [rep] } ]\n");
    assert!(reload(&state).unwrap().accepted());
    assert_eq!(holds(2, ""), Err("55000"));
    // A policy that fits takes the database as it is now.
    folder.write("policies/crm/sales.yaml", "# mended\nroles: { rep: {} }\n");
    assert!(reload(&state).unwrap().accepted());
    assert_eq!(state.current().catalog.version, CatalogVersion(1));
    assert_eq!(holds(2, ""), Ok(()));
}

#[test]
fn a_picture_that_nobody_confirms_is_trusted_for_ever() {
    let folder = Folder::new();
    let state = folder.state();
    let second = |second| Timestamp::from_second(second).unwrap();
    let holds = |at| state.still_meant(&touched(1, ""), second(at)).map_err(|r| r.sqlstate.0);
    assert_eq!(holds(15), Ok(()));
    assert_eq!(holds(16), Err("57P03"));
    assert!(state.still_meant(&[], second(16)).is_ok(), "a statement without relations");
    state.confirm_catalog(second(20));
    assert_eq!(holds(35), Ok(()));
    assert_eq!(holds(36), Err("57P03"));
}

#[test]
fn a_policy_folder_without_files_is_refused() {
    let folder = Folder::new();
    fs::remove_file(folder.path("policies/crm/sales.yaml")).unwrap();
    let findings = read_policy_files(&folder.settings()).unwrap_err();
    assert_eq!(findings[0].message, "there is no `*.yaml` in the policy folder");
}

#[tokio::test]
async fn a_saved_file_is_in_force_without_a_signal() {
    let folder = Folder::new();
    let state = Arc::new(folder.state());
    let mut reports = state.subscribe();
    let _watch = watch(Arc::clone(&state)).unwrap();
    // An editor writes a new file and moves it over the old one.
    folder.write("directory.new", "users: [ { login: bob, roles: [rep] } ]\n");
    fs::rename(folder.path("directory.new"), folder.path("directory.yaml")).unwrap();
    let report = reports.recv().await.unwrap();
    assert_eq!((report.cause, report.accepted()), (Cause::FileChange, true));
    assert!(state.current().directory.person("bob").is_some());
}
