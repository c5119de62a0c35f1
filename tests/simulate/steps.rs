//! What each step does to the world.

use std::time::Duration;

use rollcall::sandbox::company::{Company, Person as Account};
use rollcall::sandbox::connect::User;
use rollcall::sandbox::scene::AGENTS;
use rollcall::sandbox::tenant::Tenant;
use rollcall::store::Turnstile;
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};
use tokio::time::sleep;

use crate::clock;
use crate::laws::Violation;
use crate::stage::{Halt, Stage};
use crate::story::{DEPARTMENTS, Hand, Step};
use crate::truth::Person;

impl Stage {
    /// Takes one step.
    pub(crate) async fn take(&mut self, step: &Step) -> Result<(), Violation> {
        match step {
            Step::Rest { minutes } => sleep(Duration::from_secs(u64::from(*minutes) * 60)).await,
            Step::Run(how) => return self.run(*how).await,
            Step::Join { department } => self.join(*department),
            Step::Move { who, department } => self.change(*who, "department", json!(DEPARTMENTS[*department])),
            Step::Title { who, trainee } => {
                self.change(*who, "jobTitle", json!(if *trainee { "Trainee" } else { "Agent" }));
            }
            Step::Disable { who } => self.with_somebody(*who, |tenant, person| tenant.disable(&person.id)),
            Step::Delete { who } => self.with_somebody(*who, |tenant, person| tenant.soft_delete(&person.id)),
            Step::DeleteForGood { who } => self.with_somebody(*who, |tenant, person| tenant.hard_delete(&person.id)),
            Step::Leave { who } => {
                self.with_somebody(*who, |tenant, person| set_member(tenant, AGENTS, &person.id, false));
            }
            Step::Return { who } => self.bring_back(*who),
            Step::Rename { who } => self.rename(*who),
            Step::Rehire { who } => self.rehire(*who),
            Step::Storm { from, count, department } => {
                for who in *from..*from + *count {
                    self.change(who, "department", json!(DEPARTMENTS[*department]));
                }
            }
            Step::Lead { who, is } => {
                self.with_somebody(*who, |tenant, person| set_member(tenant, "Connect-Leads", &person.id, *is));
            }
            Step::Recording { who, is } => {
                self.with_somebody(*who, |tenant, person| set_member(tenant, "Connect-Recording", &person.id, *is));
            }
            Step::Configure(toggle) => {
                if !self.rules.on.remove(toggle) {
                    self.rules.on.insert(*toggle);
                }
                // The configuration is read by the process when it starts.
                self.stop();
            }
            Step::Edit { who, hand } => self.edit(*who, *hand).await,
            Step::RemoveUser { who } => {
                sleep(Duration::from_secs(20)).await;
                if let Some(user) = self.user_of(*who) {
                    self.laws.removed_by_hand(&user.id);
                    self.sandbox.connect.remove_user(&user.username);
                }
            }
            Step::Stranger => self.stranger(),
            Step::Weather(spell) => self.weather().add(spell.clone()),
            Step::Calm => self.weather().calm(),
            Step::Jump { minutes } => self.jump(*minutes),
            Step::Crash { after } => {
                self.halt = Some(Halt::Crash);
                self.door.shut_after(u64::from(*after));
            }
            Step::Restart => self.stop(),
            Step::Pause { after, minutes } => {
                // A process that is held up has started before.
                if self.process.is_some() {
                    self.halt = Some(Halt::Pause { minutes: *minutes });
                    self.door.shut_after(u64::from(*after));
                }
            }
            Step::Twin => self.twin = true,
            Step::Backup => self.copy().await,
            Step::Restore => self.restore(),
            Step::Lose => self.lose_all(),
            Step::Neighbour { permille } => self.neighbour = *permille,
        }
        self.truth.look(clock::truth());
        self.laws.see_world(&self.truth, &self.rules);
        Ok(())
    }

    /// Somebody who is here.
    fn somebody(&self, who: u32) -> Option<Person> {
        let here: Vec<&Person> = self.truth.here().map(|(_, person)| person).collect();
        if here.is_empty() { None } else { Some(here[who as usize % here.len()].clone()) }
    }

    fn with_somebody<E: std::fmt::Debug>(&self, who: u32, change: impl FnOnce(&Tenant, &Person) -> Result<(), E>) {
        if let Some(person) = self.somebody(who) {
            change(&self.truth.books[person.source].tenant, &person).expect("somebody who is here can be changed");
        }
    }

    fn change(&self, who: u32, property: &str, value: Value) {
        self.with_somebody(who, |tenant, person| {
            tenant.update_user(&person.id, [(property.to_owned(), value)].into_iter().collect())
        });
    }

    fn join(&mut self, department: usize) {
        self.hired += 1;
        let book = &self.truth.books[self.hired % self.truth.books.len()];
        let mut person = Company::newcomer(self.setting.seed, 9_000 + self.hired);
        person.properties.insert("department".to_owned(), json!(DEPARTMENTS[department]));
        self.hire(&book.tenant.clone(), person);
    }

    fn hire(&self, tenant: &Tenant, account: Account) {
        let id = account.id.clone();
        tenant.add_user(account).expect("a newcomer is new");
        set_member(tenant, AGENTS, &id, true).expect("the agents' group is there");
    }

    fn bring_back(&self, who: u32) {
        let away: Vec<&Person> = self.truth.people.values().filter(|person| !person.is_here()).collect();
        if away.is_empty() {
            return;
        }
        let person = away[who as usize % away.len()];
        let tenant = &self.truth.books[person.source].tenant;
        if person.deleted && (tenant.is_gone(&person.id) || tenant.restore(&person.id).is_err()) {
            return;
        }
        tenant.enable(&person.id).expect("an account that is there");
        set_member(tenant, AGENTS, &person.id, true).expect("the agents' group is there");
    }

    /// In every directory that has a record of this human.
    fn rename(&mut self, who: u32) {
        let Some(person) = self.somebody(who) else { return };
        self.hired += 1;
        let (name, domain) = person.login.split_once('@').unwrap_or((&person.login, "contoso.example"));
        let login = format!("{name}.{}@{domain}", self.hired);
        for record in self.truth.people.values().filter(|other| other.login == person.login && !other.deleted) {
            let patch = [("userPrincipalName", &login), ("mail", &login)];
            let patch = patch.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            self.truth.books[record.source].tenant.update_user(&record.id, patch).expect("a free login name");
        }
    }

    fn rehire(&mut self, who: u32) {
        let Some(person) = self.somebody(who) else { return };
        let tenant = self.truth.books[person.source].tenant.clone();
        let properties = tenant.properties(&person.id);
        tenant.hard_delete(&person.id).expect("somebody who is here");
        let id = uuid::Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid().to_string();
        self.hire(&tenant, Account { id, properties });
    }

    /// The Connect user of somebody who is here.
    fn user_of(&self, who: u32) -> Option<User> {
        let person = self.somebody(who)?;
        self.sandbox.connect.users().into_iter().find(|user| person.goes_by(&user.username))
    }

    async fn edit(&mut self, who: u32, hand: Hand) {
        // Nobody edits in the very seconds after our own write; that would be taken for it.
        sleep(Duration::from_secs(20)).await;
        let Some(user) = self.user_of(who) else { return };
        let connect = &self.sandbox.connect;
        let id = |name: &str| connect.security_profile_id(name).or_else(|| connect.routing_profile_id(name));
        let (admin, sales) = (id("Admin").unwrap_or_default(), id("Sales Voice").unwrap_or_default());
        self.laws.edited_by_hand(&self.truth, &self.rules, &self.decided, &user, hand);
        connect.edit_user(&user.username, |user| match hand {
            Hand::Security if user.security_profile_ids.contains(&admin) => {
                user.security_profile_ids.retain(|id| *id != admin);
                if user.security_profile_ids.is_empty() {
                    user.security_profile_ids.push(admin.clone());
                }
            }
            Hand::Security => user.security_profile_ids.push(admin.clone()),
            Hand::Routing => user.routing_profile_id.clone_from(&sales),
            Hand::Hierarchy => user.hierarchy_group_id = None,
            Hand::Tags => {
                user.tags.remove("tier");
                user.tags.insert("note".to_owned(), "by hand".to_owned());
            }
            Hand::Name => user.identity_info.first_name = Some("Handmade".to_owned()),
            Hand::Unmark => {
                user.tags.remove("rollcall:person");
            }
        });
    }

    fn stranger(&mut self) {
        self.hired += 1;
        let connect = &self.sandbox.connect;
        connect.put_user(User {
            username: format!("stranger.{}", self.hired),
            security_profile_ids: connect.security_profile_id("Agent").into_iter().collect(),
            routing_profile_id: connect.routing_profile_id("Holding").unwrap_or_default(),
            ..User::default()
        });
    }

    /// A copy of the state file as a backup program would make one: whole, of one moment.
    async fn copy(&mut self) {
        let from = self.state_path();
        if !from.exists() {
            return;
        }
        let to = self.folder.path().join("backup.db");
        let _ = std::fs::remove_file(&to);
        let door = self.own_door();
        let turn = door.turn().await;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&from).disable_statement_logging();
        let mut connection = options.connect().await.expect("a state file");
        sqlx::query("VACUUM INTO ?1").bind(to.display().to_string()).execute(&mut connection).await.expect("a copy");
        connection.close().await.expect("a connection that can be closed");
        drop(turn);
        self.backup = Some(to);
        self.laws.copied(&self.truth);
    }

    fn restore(&mut self) {
        if let Some(backup) = self.backup.clone() {
            self.lose();
            let to = self.state_path();
            std::fs::create_dir_all(to.parent().expect("a folder of a generation")).expect("a folder");
            std::fs::copy(backup, to).expect("a copy that was kept");
            self.laws.restored();
        }
    }

    fn lose_all(&mut self) {
        self.lose();
        self.truth.forget();
    }

    fn lose(&mut self) {
        self.stop();
        self.generation += 1;
        self.decided.clear();
        self.laws.lost_memory();
    }
}

fn set_member(tenant: &Tenant, group: &str, id: &str, is: bool) -> Result<(), rollcall::sandbox::tenant::TenantError> {
    let group = tenant.group_id(group).expect("a group of the scene");
    if is { tenant.add_member(&group, id) } else { tenant.remove_member(&group, id) }
}
