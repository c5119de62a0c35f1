//! The law of reports: every change in Connect's own journal is told by every sink exactly once, with the right before and
//! after.
//!
//! What a lost or old state file may do: the outbox is in it, so changes that were not delivered when it was lost are never
//! told (they are `excused`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rollcall::sandbox::Sandbox;
use rollcall::sandbox::connect::{User, Write};
use serde_json::Value as Json;

use super::{Names, Violation};

const REPORT: &str = "every change is reported exactly once, with before and after";

/// A write to Connect, and whether it has been told.
#[derive(Debug)]
struct Told {
    write: Write,
    /// The run that was delivered when it was made.
    since: u64,
    excused: bool,
    /// Requests that wrote the same once more, because a reply was lost: one change all the same.
    again: Vec<String>,
    /// By sink: the report that was found for it.
    by: BTreeMap<&'static str, String>,
}

/// What a sink has.
#[derive(Debug, Default)]
struct Sink {
    read: usize,
    /// By event id; repeated ones are dropped.
    changes: BTreeMap<String, Json>,
    told: BTreeSet<String>,
}

impl Sink {
    /// Takes lines that were not there before.
    fn read(&mut self, name: &'static str, lines: &[String]) -> Result<(), Violation> {
        for line in lines.iter().skip(self.read) {
            let event: Json = serde_json::from_str(line)
                .map_err(|error| Violation::of(REPORT, format!("{name} has a line that is no event: {error}")))?;
            let id = event["event_id"].as_str().unwrap_or_default().to_owned();
            let happened = matches!(event["outcome"].as_str(), Some("done" | "already_so"));
            if event["event"] == "change" && happened {
                self.changes.entry(id).or_insert(event);
            }
        }
        self.read = lines.len();
        Ok(())
    }

    /// What was told of a user, for whoever has to find out what was not.
    fn about(&self, user: &str) -> Vec<String> {
        let about = self.changes.iter().filter(|(_, event)| event["connect_user"] == user);
        about.map(|(id, event)| format!("{id} {}: {event}", self.told.contains(id))).collect()
    }

    /// The event that tells of a write: the write's own before that of one that only repeated it.
    fn find(&self, told: &Told) -> Option<(String, Json)> {
        let untold = || self.changes.iter().filter(|(id, _)| !self.told.contains(*id));
        let own = |event: &Json| event["request_id"] == told.write.request_id.as_str();
        let repeated = |event: &Json| told.again.iter().any(|again| event["request_id"] == again.as_str());
        let found = untold()
            .find(|(_, event)| own(event))
            .or_else(|| untold().find(|(_, event)| repeated(event)))
            .or_else(|| untold().find(|(_, event)| event["outcome"] == "already_so" && is_about(event, &told.write)));
        found.map(|(id, event)| (id.clone(), event.clone()))
    }
}

/// What was written, and what of it was told.
#[derive(Debug, Default)]
pub(super) struct Reports {
    writes: Vec<Told>,
    /// Requests that wrote what was there.
    idle: BTreeSet<String>,
    delivered: u64,
    sinks: BTreeMap<&'static str, Sink>,
}

impl Reports {
    /// A write that has to be told, if it changed something.
    pub(super) fn written(&mut self, write: Write, changed: bool) {
        let same = |told: &&mut Told| told.write.resource == write.resource && told.write.operation == write.operation;
        match self.writes.iter_mut().rev().find(same) {
            // Nothing was changed: there is nothing to tell, and no harm if it is told.
            told if !changed => {
                self.idle.insert(write.request_id.clone());
                if let Some(told) = told {
                    told.again.push(write.request_id);
                }
            }
            _ => {
                let (since, again) = (self.delivered, Vec::new());
                self.writes.push(Told { write, since, again, excused: false, by: BTreeMap::new() });
            }
        }
    }

    /// What is in doubt is settled by looking. Who changes the same user in between makes the look say something else.
    pub(super) fn excuse_untold_of(&mut self, id: &str) {
        for told in self.writes.iter_mut().rev().take_while(|told| told.by.is_empty() || told.excused) {
            told.excused |= told.write.resource == id;
        }
    }

    /// The state file is gone, and the outbox with it.
    pub(super) fn excuse_undelivered(&mut self) {
        for told in &mut self.writes {
            told.excused |= told.by.len() < 2;
        }
    }

    /// Compares what the sinks have with what Connect's own journal says, after a run whose reports were delivered. Gives the
    /// number of reports that were found right.
    pub(super) fn compare(
        &mut self,
        sandbox: &Sandbox,
        file: &Path,
        names: &Names,
    ) -> Result<(&'static str, u64), Violation> {
        let logged: Vec<String> = sandbox.logs.events().into_iter().map(|event| event.message).collect();
        let file = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<String> = file.lines().map(str::to_owned).collect();
        let mut checks = 0;
        for (sink, lines) in [("CloudWatch Logs", logged), ("JSON lines", lines)] {
            self.sinks.entry(sink).or_default().read(sink, &lines)?;
            checks += self.all_told(sink, names)?;
            self.nothing_invented(sink)?;
        }
        self.delivered += 1;
        Ok((REPORT, checks))
    }

    fn all_told(&mut self, name: &'static str, names: &Names) -> Result<u64, Violation> {
        let sink = self.sinks.entry(name).or_default();
        let mut checks = 0;
        // What need not be told takes no report away from what must be.
        let mut untold: Vec<&mut Told> = self.writes.iter_mut().filter(|told| !told.by.contains_key(name)).collect();
        untold.sort_by_key(|told| told.excused);
        for told in untold {
            let Some((id, event)) = sink.find(told) else {
                if told.excused || told.since + 1 > self.delivered {
                    continue;
                }
                let Write { operation, resource, username, request_id, at, .. } = &told.write;
                let text = format!("{operation} of {resource} ({username:?}) at {at}, request {request_id}");
                let told = sink.about(resource);
                return Err(Violation::of(REPORT, format!("{name}: {text}, is not told; of this user: {told:#?}")));
            };
            checks += 1;
            if !told.excused {
                same(name, &event, &told.write, names)?;
            }
            sink.told.insert(id.clone());
            told.by.insert(name, id);
        }
        Ok(checks)
    }

    fn nothing_invented(&self, name: &'static str) -> Result<(), Violation> {
        let sink = &self.sinks[name];
        // A repetition may be told before the write itself; then that comes late, and once.
        let late = self.writes.iter().filter(|told| {
            let by = told.by.get(name).and_then(|id| sink.changes.get(id));
            by.is_some_and(|event| event["request_id"] != told.write.request_id.as_str())
        });
        let late = late.map(|told| told.write.request_id.as_str());
        let again: BTreeSet<&str> = self.idle.iter().map(String::as_str).chain(late).collect();
        let invented = sink.changes.iter().find(|(id, event)| {
            let idle = event["request_id"].as_str().is_some_and(|request| again.contains(request));
            event["outcome"] == "done" && !sink.told.contains(*id) && !idle
        });
        let Some((id, event)) = invented else { return Ok(()) };
        let about = |told: &&Told| event["connect_user"] == told.write.resource.as_str();
        let writes = self.writes.iter().filter(about).map(|Told { write, again, by, .. }| {
            format!("{} {} at {}, again {again:?}, told by {by:?}", write.operation, write.request_id, write.at)
        });
        let writes: Vec<String> = writes.collect();
        let text = format!("{name}: {id} tells of something that never was: {event}; of this user: {writes:#?}");
        Err(Violation::of(REPORT, text))
    }
}

/// Whether an event says of a write what was before, and after.
fn same(sink: &str, event: &Json, write: &Write, names: &Names) -> Result<(), Violation> {
    // A set of names is in their order.
    let security = |user: &User| Json::from(names.security(user).into_iter().collect::<Vec<_>>());
    let routing = |user: &User| Json::from(names.routing(user));
    for (side, user) in [("before", &write.before), ("after", &write.after)] {
        let Some(user) = user else { continue };
        for (name, is) in [("security_profiles", security(user)), ("routing_profile", routing(user))] {
            let told = &event[side][name];
            if !told.is_null() && *told != is {
                let what = format!("{} of {}", write.operation, write.resource);
                return Err(Violation::of(REPORT, format!("{sink}: {what}: {side} {name} was {is}, told {told}")));
            }
        }
    }
    Ok(())
}

fn is_about(event: &Json, write: &Write) -> bool {
    let same = event["operation"] == write.operation.as_str();
    same && (event["connect_user"] == write.resource.as_str() || write.operation == "DeleteQuickConnect")
}
