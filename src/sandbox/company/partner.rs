//! A second company beside the first, in a directory of its own, with people who are in both.
//!
//! Invariant: the same settings and the same first company give the same partner, ids included.
//! Invariant: whoever is in both has one login name and one name there, and two ids.

use serde_json::{Value, json};

use super::{Belongs, Company, Mix, Person};

const DOMAIN: &str = "fabrikam.example";
/// What somebody has in the partner's directory as in the first one. The rest, the department first of all, is the
/// partner's own.
const IN_COMMON: &[&str] = &["userPrincipalName", "mail", "givenName", "surname", "displayName", "businessPhones"];

impl Company {
    /// A company of `people` accounts of its own with the same groups by name, and of these people of another company,
    /// who are active there and in the first of its groups.
    #[must_use]
    pub fn partner(seed: u64, people: usize, mix: Mix, shared: &[Person]) -> Self {
        let mut partner = Self::with_mix(seed, people + shared.len(), mix);
        DOMAIN.clone_into(&mut partner.domain);
        for person in &mut partner.people {
            for value in person.properties.values_mut() {
                if let Some(text) = value.as_str() {
                    *value = json!(text.replace(super::DOMAIN, DOMAIN).replace("Contoso", "Fabrikam"));
                }
            }
        }
        for (at, human) in shared.iter().enumerate() {
            let own = &mut partner.people[people + at].properties;
            for name in IN_COMMON {
                match human.properties.get(*name) {
                    Some(value) => own.insert((*name).to_owned(), value.clone()),
                    None => own.remove(*name),
                };
            }
            own.insert("accountEnabled".to_owned(), Value::Bool(true));
            own.insert("userType".to_owned(), json!("Member"));
        }
        let both = |member: &Belongs| matches!(member, Belongs::Person(at) if *at >= people);
        for (at, group) in partner.groups.iter_mut().enumerate() {
            group.members.retain(|member| !both(member));
            if at == 0 {
                group.members.extend((people..people + shared.len()).map(Belongs::Person));
            }
        }
        partner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_has_its_own_people_and_those_of_both() {
        let company = Company::generate(7, 60);
        let shared = &company.people[10..16];
        let partner = Company::partner(8, 20, Mix::LIFELIKE, shared);
        assert_eq!(partner, Company::partner(8, 20, Mix::LIFELIKE, shared));
        let logins = |of: &Company| -> Vec<String> {
            of.people.iter().map(|one| one.properties["userPrincipalName"].as_str().unwrap().to_owned()).collect()
        };
        let (ours, theirs) = (logins(&company), logins(&partner));
        let both: Vec<&String> = theirs.iter().filter(|login| ours.contains(login)).collect();
        assert_eq!(both, ours[10..16].iter().collect::<Vec<_>>());
        assert!(partner.people.iter().all(|one| !company.people.iter().any(|other| other.id == one.id)));
        let agents = &partner.groups[0];
        assert_eq!(agents.name, company.groups[0].name);
        assert!((20..26).all(|at| agents.members.contains(&Belongs::Person(at))));
        let departments = |at: usize| {
            let of = |company: &Company, at: usize| company.people[at].properties.get("department").cloned();
            of(&company, 10 + at) != of(&partner, 20 + at)
        };
        assert!((0..6).any(departments), "the records of one human may differ");
    }
}
