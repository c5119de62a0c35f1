//! From a person to the Connect user the rules want: persona, fields, names to ids.
//!
//! Rules are prepared once per plan: conditions folded, names resolved against the catalogue of this look.
//!
//! Invariant: a rule that names something Connect does not have is broken, and holds everybody it applies to; nobody
//! receives a part of a persona, and an empty list of security profiles is never wished.
//! Invariant: a persona is a union in rule order; where only one value fits, the first rule that sets one wins.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;
use phonenumber::country;

use super::draft::Notes;
use super::fields::{self, Number};
use super::fold::nearest;
use super::listed::{self, Listed};
use super::rule::{Facts, Test};
use super::rules::{Persona, PhoneSettings, Rules, Suspend};
use super::validate;
use crate::model::attribute::MAX_SECURITY_PROFILES;
use crate::model::{
    Attribute, AttributeSet, Authority, Catalogue, DirectoryView, Facet, FindingCode, IdentityManagement, Named,
    ResourceId, Value,
};

/// How the default persona is called on screens.
pub(super) const DEFAULT: &str = "(default)";
/// User types that need no entry in the configuration.
const USER_TYPES: [&str; 3] = ["agent", "supervisor", "manager"];

/// A name that does not exist in Connect (or in the configuration).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// What is wrong, with the rule.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: String,
}

/// What a rule gives, with names resolved.
#[derive(Debug, Default)]
pub(super) struct Gives<'a> {
    pub(super) security: BTreeSet<Named>,
    pub(super) routing: Option<Named>,
    pub(super) hierarchy: Option<Named>,
    pub(super) user_type: Option<&'a str>,
    pub(super) tags: Option<&'a BTreeMap<String, String>>,
    pub(super) phone: Option<&'a PhoneSettings>,
    pub(super) broken: Vec<Broken>,
}

/// One mapping, prepared.
pub(super) struct Prepared<'a> {
    pub(super) name: &'a str,
    pub(super) when: Test<'a>,
    pub(super) gives: Gives<'a>,
}

/// The rules, prepared for one plan.
pub(super) struct Compiled<'a> {
    pub(super) rules: &'a Rules,
    catalogue: &'a Catalogue,
    identity: IdentityManagement,
    region: Option<country::Id>,
    pub(super) mappings: Vec<Prepared<'a>>,
    pub(super) default: Option<Gives<'a>>,
    pub(super) user_types: BTreeMap<&'a str, Gives<'a>>,
    /// The no-access persona: security profiles, routing profile.
    pub(super) suspended: Option<Gives<'a>>,
}

/// What the rules want for a person.
#[derive(Debug, Default)]
pub(super) struct Wish<'a> {
    pub(super) attributes: AttributeSet,
    /// The rules that gave it, in order.
    pub(super) rules: Vec<&'a str>,
    pub(super) user_type: Option<&'a str>,
    /// The routing profile is the first role of the application profile: written at creation, Connect's from then on.
    pub(super) routing_at_creation: bool,
    /// The first role names nothing in Connect; matters at creation only.
    role_broken: Option<Broken>,
    /// The default persona stood in although the person has a department, or has none.
    pub(super) unmapped: bool,
}

impl Wish<'_> {
    pub(super) fn rule_names(&self) -> Vec<String> {
        self.rules.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Who decides a facet of this person once the user is there.
    pub(super) fn authority(&self, rules: &Rules, facet: Facet) -> Authority {
        match facet {
            Facet::Routing if self.routing_at_creation => Authority::Connect,
            _ => rules.authority.get(&facet).copied().unwrap_or(Authority::Directory),
        }
    }
}

impl<'a> Compiled<'a> {
    pub(super) fn new(
        rules: &'a Rules,
        catalogue: &'a Catalogue,
        directory: &'a DirectoryView,
        identity: IdentityManagement,
    ) -> Self {
        let mut resolve = Resolver { catalogue, rules };
        let mappings = rules
            .mappings
            .iter()
            .map(|mapping| Prepared {
                name: &mapping.name,
                when: Test::new(&mapping.when, directory),
                gives: resolve.persona(&format!("rule \"{}\" (line {})", mapping.name, mapping.line), &mapping.gives),
            })
            .collect();
        let default = rules.default.as_ref().map(|persona| resolve.persona("the default persona", persona));
        let user_types = rules
            .user_types
            .iter()
            .map(|(name, extras)| {
                let place = format!("user type \"{name}\"");
                let mut gives = Gives { tags: Some(&extras.tags), phone: Some(&extras.phone), ..Gives::default() };
                resolve.security(&place, &extras.security_profiles, &mut gives);
                resolve.tags(&place, &mut gives);
                (name.as_str(), gives)
            })
            .collect();
        let suspended = rules.leaver.suspend.as_ref().map(|suspend| resolve.suspended(suspend));
        let region = fields::region(&rules.fields);
        Self { rules, catalogue, identity, region, mappings, default, user_types, suspended }
    }

    /// What the rules want for a person; what stands against it is noted, and holds if it must.
    pub(super) fn wish(&self, facts: &Facts<'_>, notes: &mut Notes<'_>) -> Wish<'a> {
        let mut wish = Wish {
            attributes: fields::identity(facts.user, &self.rules.fields, self.identity, self.region, notes),
            ..Wish::default()
        };
        let listed = listed::of(self, facts, notes);
        let persona = self.persona(facts, listed, &mut wish, notes);
        self.set_phone(facts, &persona, &mut wish, notes);
        self.set_persona(persona, &mut wish, notes);
        wish
    }

    /// The union over everything that applies, in order: what the record itself names, rules, default, extras of the user
    /// type. The first role of an application profile stands in for the default persona's routing profile.
    fn persona(&self, facts: &Facts<'_>, listed: Listed, wish: &mut Wish<'a>, notes: &mut Notes<'_>) -> Union<'a> {
        let mut union = Union::default();
        let Listed { security, rules, role } = listed;
        let by_list = !rules.is_empty();
        union.security = security;
        wish.rules.extend(rules);
        for mapping in self.mappings.iter().filter(|mapping| mapping.when.holds(facts)) {
            wish.rules.push(mapping.name);
            union.add(&mapping.gives, notes);
        }
        // Rules that only add to others (a recording profile for a group) leave the persona to the default one; it comes
        // last, so that whatever a rule set stays.
        let unruled = union.routing.is_none();
        if unruled && let Some(default) = &self.default {
            wish.rules.push(DEFAULT);
            wish.unmapped = !by_list;
            let before = union.security.clone();
            union.add(default, notes);
            if by_list {
                union.security = before;
            }
        }
        if let Some(role) = role.filter(|_| unruled) {
            wish.routing_at_creation = true;
            wish.rules.push(listed::ROLES);
            match role {
                Ok(routing) => union.routing = Some(routing),
                Err(broken) => (union.routing, wish.role_broken) = (None, Some(broken)),
            }
        }
        if let Some(extras) = union.user_type.and_then(|name| self.user_types.get(name)) {
            union.add(extras, notes);
        }
        union
    }

    fn set_phone(&self, facts: &Facts<'_>, persona: &Union<'a>, wish: &mut Wish<'a>, notes: &mut Notes<'_>) {
        let PhoneSettings { desk_phone, auto_accept, after_contact_work_secs, persistent_connection } = &persona.phone;
        let set = &mut wish.attributes;
        match desk_phone {
            Some(true) => match fields::number(facts.user, &self.rules.fields.desk_phone, self.region) {
                Number::Valid(number) => {
                    set.set(Attribute::PhoneType, Value::Text("DESK_PHONE".to_owned()));
                    set.set(Attribute::DeskPhoneNumber, Value::Text(number));
                }
                // Connect refuses a desk phone without a number: what the user has stays.
                Number::Missing | Number::Bad => fields::bad_phone(&self.rules.fields.desk_phone, notes),
            },
            Some(false) => set.set(Attribute::PhoneType, Value::Text("SOFT_PHONE".to_owned())),
            None => {}
        }
        if let Some(flag) = auto_accept {
            set.set(Attribute::AutoAccept, Value::Flag(*flag));
        }
        if let Some(secs) = after_contact_work_secs {
            set.set(Attribute::AfterContactWorkSecs, Value::Seconds(*secs));
        }
        if let Some(flag) = persistent_connection {
            set.set(Attribute::PersistentConnection, Value::Flag(*flag));
        }
    }

    fn set_persona(&self, persona: Union<'a>, wish: &mut Wish<'a>, notes: &mut Notes<'_>) {
        let Union { security, routing, hierarchy, user_type, tags, phone: _ } = persona;
        wish.user_type = user_type;
        // A broken rule already says why something is missing; only without one is "nothing" news.
        let broken = notes.held().is_some_and(|finding| finding.code == FindingCode::UnknownName);
        if security.len() > MAX_SECURITY_PROFILES {
            notes.note(
                FindingCode::TooManyProfiles,
                format!("{} security profiles from {}; Connect takes 10", security.len(), wish.rules.join(", ")),
                "give fewer profiles in these rules".to_owned(),
            );
        }
        let no_routing = routing.is_none() && wish.role_broken.is_none();
        if !broken && (security.is_empty() || no_routing) {
            let lacks = if security.is_empty() { "security profile" } else { "routing profile" };
            notes.note(
                FindingCode::NoPersona,
                format!("no rule gives a {lacks}"),
                "add a [[mapping]] for this person, or a [default] persona".to_owned(),
            );
        }
        wish.attributes.set(Attribute::SecurityProfiles, Value::NamedSet(security));
        if let Some(routing) = routing {
            wish.attributes.set(Attribute::RoutingProfile, Value::Named(routing));
        }
        if let Some(hierarchy) = hierarchy {
            wish.attributes.set(Attribute::HierarchyGroup, Value::Named(hierarchy));
        }
        if !tags.is_empty() {
            if let Some(problem) = validate::tags(&tags) {
                notes.note(FindingCode::ValueRefused, problem, "correct the tags of these rules".to_owned());
            }
            wish.attributes.set(Attribute::Tags, Value::Tags(tags));
        }
    }

    /// What Connect would refuse only when the user is new.
    pub(super) fn creatable(&self, wish: &Wish<'_>, notes: &mut Notes<'_>) {
        if let Some(Broken { message, hint }) = &wish.role_broken {
            notes.note(FindingCode::UnknownName, message.clone(), hint.clone());
        }
        let needs_email = self.identity == IdentityManagement::ConnectManaged;
        if needs_email && wish.attributes.get(Attribute::Email).is_none() {
            notes.note(
                FindingCode::MissingField,
                "instances with passwords in Connect need an e-mail address".to_owned(),
                "set [attributes] email".to_owned(),
            );
        }
    }

    pub(super) fn identity(&self) -> IdentityManagement {
        self.identity
    }

    pub(super) fn catalogue(&self) -> &'a Catalogue {
        self.catalogue
    }

    /// Checks the username; what stands against it is noted.
    pub(super) fn username(&self, person: &PersonKey, username: Option<&str>, notes: &mut Notes<'_>) {
        match username {
            None => notes.note(
                FindingCode::MissingField,
                format!("no {} in the directory", self.rules.fields.username),
                format!("complete the record in {}", person.source),
            ),
            Some(text) => {
                if let Some(problem) = validate::username(text, self.identity) {
                    notes.note(
                        FindingCode::UsernameRefused,
                        problem,
                        "set [attributes] username to another attribute (for example the mailbox name), or change it in \
                         the directory"
                            .to_owned(),
                    );
                }
            }
        }
    }
}

/// A persona under construction.
#[derive(Default)]
struct Union<'a> {
    security: BTreeSet<Named>,
    routing: Option<Named>,
    hierarchy: Option<Named>,
    user_type: Option<&'a str>,
    tags: BTreeMap<String, String>,
    phone: PhoneSettings,
}

impl<'a> Union<'a> {
    fn add(&mut self, more: &Gives<'a>, notes: &mut Notes<'_>) {
        let Gives { security, routing, hierarchy, user_type, tags, phone, broken } = more;
        for broken in broken {
            notes.note(FindingCode::UnknownName, broken.message.clone(), broken.hint.clone());
        }
        self.security.extend(security.iter().cloned());
        self.routing = self.routing.take().or_else(|| routing.clone());
        self.hierarchy = self.hierarchy.take().or_else(|| hierarchy.clone());
        self.user_type = self.user_type.or(*user_type);
        for (key, value) in tags.iter().flat_map(|tags| tags.iter()) {
            self.tags.entry(key.clone()).or_insert_with(|| value.clone());
        }
        if let Some(phone) = phone {
            let PhoneSettings { desk_phone, auto_accept, after_contact_work_secs, persistent_connection } = phone;
            self.phone.desk_phone = self.phone.desk_phone.or(*desk_phone);
            self.phone.auto_accept = self.phone.auto_accept.or(*auto_accept);
            self.phone.after_contact_work_secs = self.phone.after_contact_work_secs.or(*after_contact_work_secs);
            self.phone.persistent_connection = self.phone.persistent_connection.or(*persistent_connection);
        }
    }
}

/// Names to ids.
struct Resolver<'a> {
    catalogue: &'a Catalogue,
    rules: &'a Rules,
}

impl<'a> Resolver<'a> {
    fn persona(&mut self, place: &str, persona: &'a Persona) -> Gives<'a> {
        let Persona { security_profiles, routing_profile, user_type, hierarchy, tags, phone } = persona;
        let mut gives = Gives { tags: Some(tags), phone: Some(phone), ..Gives::default() };
        self.security(place, security_profiles, &mut gives);
        if let Some(name) = routing_profile {
            gives.routing = find(place, "routing profile", name, &self.catalogue.routing_profiles, &mut gives.broken);
        }
        if let Some(path) = hierarchy {
            gives.hierarchy = find(place, "hierarchy group", path, &self.catalogue.hierarchy_groups, &mut gives.broken);
        }
        if let Some(name) = user_type {
            let configured = self.rules.user_types.keys().map(String::as_str);
            if USER_TYPES.contains(&name.as_str()) || self.rules.user_types.contains_key(name) {
                gives.user_type = Some(name);
            } else {
                gives.broken.push(unknown(place, "user type", name, configured.chain(USER_TYPES)));
            }
        }
        self.tags(place, &mut gives);
        gives
    }

    fn security(&mut self, place: &str, names: &[String], gives: &mut Gives<'a>) {
        for name in names {
            let found = find(place, "security profile", name, &self.catalogue.security_profiles, &mut gives.broken);
            gives.security.extend(found);
        }
    }

    /// Tags that Connect refuses break the rule like a name that it does not have.
    fn tags(&mut self, place: &str, gives: &mut Gives<'a>) {
        if let Some(problem) = gives.tags.and_then(validate::tags) {
            gives.broken.push(Broken { message: format!("{place}: {problem}"), hint: "correct the tags".to_owned() });
        }
    }

    fn suspended(&mut self, suspend: &'a Suspend) -> Gives<'a> {
        let Suspend { security_profiles, routing_profile, for_secs: _ } = suspend;
        let place = "[leaver] suspend";
        let mut gives = Gives::default();
        self.security(place, security_profiles, &mut gives);
        if let Some(name) = routing_profile {
            gives.routing = find(place, "routing profile", name, &self.catalogue.routing_profiles, &mut gives.broken);
        }
        if security_profiles.is_empty() {
            gives.broken.push(Broken {
                message: format!("{place} names no security profile"),
                hint: "name one without permissions; a Connect user must have at least one".to_owned(),
            });
        }
        gives
    }
}

pub(super) fn find(
    place: &str,
    kind: &str,
    name: &str,
    known: &BTreeMap<String, ResourceId>,
    broken: &mut Vec<Broken>,
) -> Option<Named> {
    let found = known.get(name).map(|id| Named { id: id.clone(), name: name.into() });
    if found.is_none() {
        broken.push(unknown(place, kind, name, known.keys().map(String::as_str)));
    }
    found
}

pub(super) fn unknown<'n>(place: &str, kind: &str, name: &str, known: impl Iterator<Item = &'n str>) -> Broken {
    Broken {
        message: format!("{place}: {kind} \"{name}\" does not exist"),
        hint: match nearest(name, known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("create the {kind}, or correct the name"),
        },
    }
}
