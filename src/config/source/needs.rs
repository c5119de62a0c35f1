//! What fields and rules look at, and which kind of directory can have it.
//!
//! Invariant: an attribute whose name only one kind of directory can have is not asked of the others.

use std::collections::BTreeSet;

use connectors::AttributeName;
use connectors::attributes::{MAILBOX_NAME, USERNAME};

use super::Kind;
use crate::planner::rule;
use crate::planner::rules::{FieldMapping, Mapping};

/// What fields and rules look at.
pub(in crate::config) struct Needs {
    attributes: BTreeSet<AttributeName>,
    groups: BTreeSet<String>,
    same_person: BTreeSet<AttributeName>,
}

impl Needs {
    /// `same_person` is compared between directories: where there are several, all of them read it.
    pub(in crate::config) fn of(fields: &FieldMapping, mappings: &[Mapping], same_person: &[AttributeName]) -> Self {
        let mut attributes: BTreeSet<_> = fields.attributes().cloned().collect();
        let mut groups = BTreeSet::new();
        for Mapping { when, name: _, line: _, gives: _ } in mappings {
            groups.extend(rule::groups(when).into_iter().map(str::to_owned));
            attributes.extend(rule::attributes(when).into_iter().cloned());
        }
        let mut same_person: BTreeSet<_> = same_person.iter().cloned().collect();
        // The mailbox name is a part of the username; no directory has it as such.
        for names in [&mut attributes, &mut same_person] {
            if names.remove(&AttributeName::from(MAILBOX_NAME)) {
                names.insert(AttributeName::from(USERNAME));
            }
        }
        Self { attributes, groups, same_person }
    }

    /// The same among directories of these kinds.
    pub(super) fn among<'a>(&'a self, kinds: &'a [Kind]) -> Among<'a> {
        Among { needs: self, kinds }
    }
}

/// What is needed, among the kinds of directories there are.
pub(super) struct Among<'a> {
    needs: &'a Needs,
    kinds: &'a [Kind],
}

impl Among<'_> {
    /// What a directory of this kind is asked for. What no configured kind can have is asked of all: the directory's own
    /// complaint says more than silence.
    pub(super) fn attributes(&self, kind: Kind) -> BTreeSet<AttributeName> {
        let fits = |name: &&AttributeName| {
            can_have(kind, name.as_str()) || !self.kinds.iter().any(|other| can_have(*other, name.as_str()))
        };
        let compared = if self.kinds.len() > 1 { Some(&self.needs.same_person) } else { None };
        self.needs.attributes.iter().chain(compared.into_iter().flatten()).filter(fits).cloned().collect()
    }

    /// Groups that rules speak of.
    pub(super) fn groups(&self) -> &BTreeSet<String> {
        &self.needs.groups
    }
}

/// Schema URNs and paths are SCIM's, paths into the profile are Okta's; Graph's properties are single words.
fn can_have(kind: Kind, attribute: &str) -> bool {
    let okta = ["profile.", "credentials."].iter().any(|start| attribute.starts_with(start));
    match kind {
        Kind::Microsoft => !attribute.contains([':', '.', '-']),
        Kind::Okta => !attribute.contains(':') && (okta || !attribute.contains('.')),
        Kind::Scim => !okta,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_to_the_kinds_that_can_have_it() {
        let check = |name: &str, kinds: &[Kind]| {
            let able = [Kind::Microsoft, Kind::Okta, Kind::Scim].into_iter().filter(|kind| can_have(*kind, name));
            assert_eq!(able.collect::<Vec<_>>(), kinds, "{name}");
        };
        check("department", &[Kind::Microsoft, Kind::Okta, Kind::Scim]);
        check("extensionAttribute3", &[Kind::Microsoft, Kind::Okta, Kind::Scim]);
        check("profile.team", &[Kind::Okta]);
        check("addresses.locality", &[Kind::Scim]);
        check("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division", &[Kind::Scim]);
    }
}
