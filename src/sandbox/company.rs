//! An invented company: people as real directories hold them, groups, and who belongs where.
//!
//! Invariant: the same seed, size and [`Mix`] give the same company, ids included.
//! Invariant: ids and login names are unique.
//! Deliberately absent: how a directory stores or serves them; that is the tenant's business.

mod partner;
mod words;

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use words::{DEPARTMENTS, Language, ODD_DEPARTMENTS, ODD_PHONES, OFFICES, PLAIN, TITLES, WORLD, Word};

/// One account, with its properties named as in Microsoft Graph. A property that was never set is absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Object id, a GUID.
    pub id: String,
    /// Everything else; `userPrincipalName`, `displayName` and `accountEnabled` are always there.
    pub properties: Map<String, Value>,
}

/// Somebody or something that can be in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    /// The person at this index of [`Company::people`].
    Person(usize),
    /// The group at this index of [`Company::groups`]: a nested group.
    Group(usize),
    /// The device at this index of [`Company::devices`].
    Device(usize),
}

/// One security group.
#[derive(Debug, Clone, PartialEq)]
pub struct Team {
    /// Object id, a GUID.
    pub id: String,
    /// Its name; names are not unique in a directory, here they are.
    pub name: String,
    /// Direct members.
    pub members: Vec<Belongs>,
}

/// How many of a thousand accounts are odd, per kind of oddity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Names that are not plain ASCII, or very long.
    pub world_names: u32,
    /// Departments in other spellings.
    pub odd_departments: u32,
    /// No department at all.
    pub no_department: u32,
    /// Phone numbers in free formats, some of them useless.
    pub odd_phones: u32,
    /// No phone number.
    pub no_phone: u32,
    /// Guests of other tenants (`#EXT#`).
    pub guests: u32,
    /// Accounts of machines: no family name, no department.
    pub services: u32,
    /// Disabled accounts.
    pub disabled: u32,
    /// Login names with a plus sign.
    pub plus_logins: u32,
    /// Accounts without a mailbox.
    pub no_mail: u32,
}

impl Mix {
    /// A company with twenty years of history.
    pub const LIFELIKE: Self = Self {
        world_names: 350,
        odd_departments: 120,
        no_department: 30,
        odd_phones: 400,
        no_phone: 120,
        guests: 20,
        services: 15,
        disabled: 40,
        plus_logins: 10,
        no_mail: 25,
    };
    /// Nobody is odd.
    pub const PLAIN: Self = Self {
        world_names: 0,
        odd_departments: 0,
        no_department: 0,
        odd_phones: 0,
        no_phone: 0,
        guests: 0,
        services: 0,
        disabled: 0,
        plus_logins: 0,
        no_mail: 0,
    };
}

/// The whole company.
#[derive(Debug, Clone, PartialEq)]
pub struct Company {
    /// Id of its tenant, a GUID.
    pub tenant_id: String,
    /// Its verified domain.
    pub domain: String,
    /// Accounts.
    pub people: Vec<Person>,
    /// Groups: `Amazon-Connect-Agents` (nearly everybody), `Connect-Leads`, `Connect-Recording`, `Connect-Night-Shift`
    /// (nested in the agents), `Everybody-Else`, `Büro Köln & Bonn`.
    pub groups: Vec<Team>,
    /// Ids of devices; some are members of groups.
    pub devices: Vec<String>,
}

impl Company {
    /// A lifelike company of `people` accounts.
    #[must_use]
    pub fn generate(seed: u64, people: usize) -> Self {
        Self::with_mix(seed, people, Mix::LIFELIKE)
    }

    /// A company without a single oddity, for measurements.
    #[must_use]
    pub fn plain(people: usize) -> Self {
        Self::with_mix(1, people, Mix::PLAIN)
    }

    /// A company with oddities in the given proportions.
    #[must_use]
    pub fn with_mix(seed: u64, people: usize, mix: Mix) -> Self {
        let mut maker = Maker { rng: fastrand::Rng::with_seed(seed), mix, logins: HashSet::with_capacity(people) };
        let tenant_id = maker.id();
        let people: Vec<Person> = (0..people).map(|number| maker.person(number)).collect();
        let devices = vec![maker.id(), maker.id()];
        let groups = maker.groups(&people);
        Self { tenant_id, domain: DOMAIN.to_owned(), people, groups, devices }
    }

    /// One more account of this company, which is not in it yet: somebody to hire. `number` sets the employee id and,
    /// with the seed, who it is.
    #[must_use]
    pub fn newcomer(seed: u64, number: usize) -> Person {
        let mut maker =
            Maker { rng: fastrand::Rng::with_seed(seed ^ number as u64), mix: Mix::PLAIN, logins: HashSet::new() };
        let mut person = maker.person(number);
        let login = person.properties["userPrincipalName"].as_str().unwrap_or_default().replacen(
            '@',
            &format!(".{number}@"),
            1,
        );
        person.properties.insert("mail".to_owned(), json!(login));
        person.properties.insert("userPrincipalName".to_owned(), json!(login));
        person
    }
}

const DOMAIN: &str = "contoso.example";

struct Maker {
    rng: fastrand::Rng,
    mix: Mix,
    logins: HashSet<String>,
}

impl Maker {
    fn id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid().to_string()
    }

    fn chance(&mut self, permille: u32) -> bool {
        self.rng.u32(0..1000) < permille
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(0..from.len())]
    }

    fn person(&mut self, number: usize) -> Person {
        let id = self.id();
        if self.chance(self.mix.services) {
            return Person { id, properties: self.service(number) };
        }
        let language: &Language =
            if self.chance(self.mix.world_names) { &WORLD[self.rng.usize(0..WORLD.len())] } else { &PLAIN };
        let (given, family): (Word, Word) = (self.pick(language.given), self.pick(language.family));
        let guest = self.chance(self.mix.guests);
        let login = self.login(given.1, family.1, guest);
        let enabled = !self.chance(self.mix.disabled);
        let mut properties = Map::new();
        let mut set = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        set("userPrincipalName", json!(login));
        set("displayName", json!(format!("{} {}", given.0, family.0)));
        set("givenName", json!(given.0));
        set("surname", json!(family.0));
        set("accountEnabled", json!(enabled));
        set("userType", json!(if guest { "Guest" } else { "Member" }));
        set("jobTitle", json!(self.pick(TITLES)));
        set("officeLocation", json!(self.pick(OFFICES)));
        set("employeeId", json!(format!("E{number:06}")));
        set("employeeType", json!(if self.rng.u8(0..10) == 0 { "Contractor" } else { "Employee" }));
        set("companyName", json!("Contoso"));
        if guest {
            set("externalUserState", json!("Accepted"));
        }
        if !self.chance(self.mix.no_mail) {
            set("mail", json!(if guest { format!("{}.{}@partner.example", given.1, family.1) } else { login }));
        }
        if !self.chance(self.mix.no_department) {
            let odd = self.chance(self.mix.odd_departments);
            set("department", json!(self.pick(if odd { ODD_DEPARTMENTS } else { DEPARTMENTS })));
        }
        if !self.chance(self.mix.no_phone) {
            set("businessPhones", json!([self.phone()]));
        }
        if self.rng.bool() {
            set("mobilePhone", json!(self.phone()));
        }
        let cost_centre = format!("CC-{}", self.rng.u32(100..120));
        set("onPremisesExtensionAttributes", json!({ "extensionAttribute1": cost_centre }));
        Person { id, properties }
    }

    /// A unique login name. Entra ID compares them without case; these are lower case to begin with.
    fn login(&mut self, given: &str, family: &str, guest: bool) -> String {
        let plus = if self.chance(self.mix.plus_logins) { "+cc" } else { "" };
        let name = format!("{given}.{family}{plus}");
        for number in 1_u32.. {
            let name = if number == 1 { name.clone() } else { format!("{name}{}", self.rng.u32(2..10_000_000)) };
            let login = if guest {
                format!("{name}_partner.example#EXT#@contoso.onmicrosoft.example")
            } else {
                format!("{name}@{DOMAIN}")
            };
            if self.logins.insert(login.clone()) {
                return login;
            }
        }
        unreachable!("every directory of this size has a free login name")
    }

    fn phone(&mut self) -> String {
        let digits = format!("{:04}", self.rng.u32(0..10_000));
        if self.chance(self.mix.odd_phones) {
            self.pick(ODD_PHONES).replace("{}", &digits)
        } else {
            format!("+493090131{digits}")
        }
    }

    fn service(&mut self, number: usize) -> Map<String, Value> {
        let login = format!("svc-{number}@{DOMAIN}");
        self.logins.insert(login.clone());
        let mut properties = Map::new();
        properties.insert("userPrincipalName".to_owned(), json!(login));
        properties.insert("displayName".to_owned(), json!(format!("svc backup {number}")));
        properties.insert("accountEnabled".to_owned(), json!(true));
        properties.insert("userType".to_owned(), json!("Member"));
        properties
    }

    fn groups(&mut self, people: &[Person]) -> Vec<Team> {
        let (mut agents, mut leads, mut recording, mut night, mut others) = (vec![], vec![], vec![], vec![], vec![]);
        for (index, person) in people.iter().enumerate() {
            let who = Belongs::Person(index);
            match self.rng.u32(0..100) {
                0..85 => agents.push(who),
                85..90 => night.push(who),
                _ => others.push(who),
            }
            let lead =
                person.properties.get("jobTitle").is_some_and(|title| title == "Team Lead" || title == "Supervisor");
            if lead {
                leads.push(who);
            }
            if self.rng.u32(0..100) < 30 {
                recording.push(who);
            }
        }
        agents.push(Belongs::Group(NIGHT_SHIFT));
        others.push(Belongs::Device(0));
        let names = [
            ("Amazon-Connect-Agents", agents),
            ("Connect-Leads", leads),
            ("Connect-Recording", recording),
            ("Connect-Night-Shift", night),
            ("Everybody-Else", others),
            ("Büro Köln & Bonn", vec![Belongs::Device(1)]),
        ];
        names.into_iter().map(|(name, members)| Team { id: self.id(), name: name.to_owned(), members }).collect()
    }
}

/// Index of the nested group in [`Company::groups`].
const NIGHT_SHIFT: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_company_and_another_seed_another() {
        assert_eq!(Company::generate(7, 300), Company::generate(7, 300));
        assert_ne!(Company::generate(7, 300), Company::generate(8, 300));
    }

    #[test]
    fn ids_and_logins_are_unique_and_every_oddity_occurs() {
        let company = Company::generate(1, 5_000);
        let logins: HashSet<_> = company.people.iter().map(|one| &one.properties["userPrincipalName"]).collect();
        let ids: HashSet<_> = company.people.iter().map(|one| &one.id).collect();
        assert_eq!((logins.len(), ids.len()), (5_000, 5_000));
        let some = |test: &dyn Fn(&Map<String, Value>) -> bool| company.people.iter().any(|one| test(&one.properties));
        let text =
            |of: &Map<String, Value>, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert!(some(&|of| text(of, "userPrincipalName").contains("#EXT#") && text(of, "userType") == "Guest"));
        assert!(some(&|of| text(of, "userPrincipalName").contains('\'')));
        assert!(some(&|of| text(of, "userPrincipalName").contains('+')));
        assert!(some(&|of| text(of, "displayName").starts_with("svc ") && !of.contains_key("surname")));
        assert!(some(&|of| of["accountEnabled"] == json!(false)));
        assert!(some(&|of| !of.contains_key("department")) && some(&|of| text(of, "department") == " care "));
        assert!(some(&|of| !text(of, "surname").is_ascii()) && some(&|of| text(of, "mobilePhone") == "n/a"));
    }

    #[test]
    fn a_plain_company_is_plain() {
        for person in Company::plain(1_000).people {
            let of = person.properties;
            assert_eq!((&of["accountEnabled"], &of["userType"]), (&json!(true), &json!("Member")));
            assert!(DEPARTMENTS.contains(&of["department"].as_str().unwrap()));
            assert!(of["displayName"].as_str().unwrap().is_ascii() && of["mail"] == of["userPrincipalName"]);
        }
    }
}
