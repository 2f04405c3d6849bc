//! The registry: every mask has a name of its own and builds for the type its example shows.

use super::*;
use crate::policy::syntax;

fn target(family: Family) -> Target<'static> {
    let data_type = match family {
        Family::Text(_) => syntax::builtin("text"),
        Family::Date => syntax::builtin("date"),
        Family::Integer
        | Family::Numeric
        | Family::Float
        | Family::Timestamp
        | Family::TimestampTz
        | Family::Boolean
        | Family::Uuid
        | Family::Other => syntax::builtin("int4"),
    };
    Target {
        name: "c",
        family,
        data_type,
        hash_key: syntax::text("k"),
        custom: Some(syntax::text("x")),
    }
}

#[test]
fn every_mask_builds_with_the_options_of_its_example() {
    for kind in MASKS {
        let (options, ..) = kind.example;
        let pairs: Vec<(&str, &str)> = options
            .split(", ")
            .filter_map(|option| option.split_once(": "))
            .map(|(name, value)| (name, value.trim_matches('"')))
            .collect();
        let built = [Family::Text(None), Family::Date, Family::Integer]
            .into_iter()
            .filter(|family| build(&kind, &target(*family), Options(&pairs)).is_ok())
            .count();
        assert!(built > 0, "`{}` builds for nothing", kind.name);
        for (name, _) in pairs {
            assert!(kind.options.contains(&name), "`{}` has no option `{name}`", kind.name);
        }
        assert_eq!(MASKS.iter().filter(|other| other.name == kind.name).count(), 1);
    }
}

#[test]
fn a_mask_refuses_types_it_cannot_keep() {
    for (kind, family) in [
        ("partial", Family::Integer),
        ("email", Family::Date),
        ("hash", Family::Integer),
        ("hash", Family::Text(Some(8))),
        ("year", Family::Text(None)),
        ("round", Family::Text(None)),
        ("bucket", Family::Integer),
        ("constant", Family::Text(None)),
    ] {
        let kind = kind_named(kind).unwrap();
        assert!(build(kind, &target(family), Options(&[])).is_err(), "{} {family:?}", kind.name);
    }
    let constant = kind_named("constant").unwrap();
    let wide = Options(&[("value", "hidden")]);
    assert!(build(constant, &target(Family::Text(Some(3))), wide).is_err());
}
