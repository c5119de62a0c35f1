//! `[[example]]`: the rules' own tests, run by `rollcall check`.

use std::collections::BTreeMap;

use connectors::AttributeName;

use super::attributes::attribute;
use super::persona::{UserTypes, persona};
use super::section::{Item, Section};
use crate::planner::rules::{Example, Persona};

pub(super) fn read(sections: Vec<Section<'_>>, types: &UserTypes) -> Vec<Example> {
    sections.iter().filter_map(|section| example(section, types)).collect()
}

fn example(section: &Section<'_>, types: &UserTypes) -> Option<Example> {
    let given = section.required("given", "{ department = \"Care\" }", given);
    let expect = section.required("expect", "{ routing_profile = \"Care Voice\" }", |item| {
        let inner = item.section()?;
        if inner.is_empty() {
            item.problem("expects nothing", "name at least one thing that must come out".to_owned());
        }
        Some(persona(&inner, types))
    });
    let (given, groups): (BTreeMap<AttributeName, String>, Vec<String>) = given?;
    let expect: Persona = expect?;
    Some(Example { line: section.line(), source: None, given, groups, expect })
}

fn given(item: &Item<'_>) -> Option<(BTreeMap<AttributeName, String>, Vec<String>)> {
    let mut attributes = BTreeMap::new();
    let mut groups = Vec::new();
    for (key, item) in item.section()?.entries() {
        if key == "groups" {
            groups = item.texts().unwrap_or_default();
            continue;
        }
        match (attribute(&key), item.text()) {
            (Some(name), Some(text)) => {
                attributes.insert(name, text);
            }
            (None, _) => item.problem("cannot be the name of an attribute", None),
            (Some(_), None) => {}
        }
    }
    Some((attributes, groups))
}
