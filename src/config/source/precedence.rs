//! `precedence` and `same_person`: whose record counts where several directories know one person.

use std::collections::BTreeSet;

use connectors::AttributeName;

use crate::config::attributes::attribute;
use crate::config::problem::nearest;
use crate::config::section::{Item, Section};
use crate::planner::rules::Rules;

/// The order of the sources; the order of the file where there is one source, or the list is wrong.
pub(super) fn read(root: &Section<'_>, names: &[String]) -> Vec<String> {
    match root.get("precedence") {
        Some(item) => list(&item, names).unwrap_or_default(),
        None if names.len() > 1 => {
            root.missing("precedence", format!("say whose record counts first: precedence = {}", written(names)));
            names.to_vec()
        }
        None => names.to_vec(),
    }
}

/// Every source once; complains about each entry that is not one, and each source that is not named.
fn list(item: &Item<'_>, names: &[String]) -> Option<Vec<String>> {
    let Some(items) = item.items() else {
        item.unexpected("a list of all sources", format!("for example precedence = {}", written(names)));
        return None;
    };
    let mut order: Vec<String> = Vec::new();
    // A misspelt name stands for the one that was meant, so that it is not called missing as well.
    let mut meant = BTreeSet::new();
    for item in items {
        let Some(name) = item.text() else { continue };
        if !names.contains(&name) {
            let near = nearest(&name, names.iter().map(String::as_str));
            meant.extend(near);
            let hint = match near {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("add a table [source.{name}], or take it out"),
            };
            item.unexpected("the name of a source", hint);
        } else if order.contains(&name) {
            item.problem(format!("{name:?} stands in the list twice"), "remove one of them".to_owned());
        } else {
            order.push(name);
        }
    }
    let left_out = names.iter().filter(|name| !order.contains(name) && !meant.contains(name.as_str()));
    for name in left_out {
        item.problem(format!("does not name {name:?}"), "put it where its record should count".to_owned());
    }
    Some(order)
}

fn written(names: &[String]) -> String {
    format!("{names:?}")
}

/// Reads `same_person`: attributes that, where they agree, make two records one person. An empty list: none does.
pub(in crate::config) fn same_person(root: &Section<'_>) -> Vec<AttributeName> {
    let Some(item) = root.get("same_person") else { return Rules::SAME_PERSON.map(AttributeName::from).to_vec() };
    let Some(items) = item.items() else {
        item.unexpected("a list of attributes", "for example same_person = [\"username\", \"mail\"]".to_owned());
        return Vec::new();
    };
    let mut attributes = Vec::new();
    for item in items {
        let Some(name) = item.parsed("the name of a directory attribute", attribute) else { continue };
        if attributes.contains(&name) {
            item.problem(format!("{name} stands in the list twice"), "remove one of them".to_owned());
        } else {
            attributes.push(name);
        }
    }
    attributes
}
