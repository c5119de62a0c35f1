//! rollcall keeps the users of an Amazon Connect contact centre in agreement with the company directory.
//!
//! > On a schedule, rollcall **observes** the directories, Amazon Connect and its own memory; **plans** what would make
//! > Connect agree with the rules; lets a **guard** refuse what looks wrong; **applies** the rest one API call at a time
//! > under quota; **records** every outcome; and **reports** what changed.
//!
//! [`reconcile::run`] is that sentence in one readable function. It is level-triggered: every run looks again, and deltas
//! only make looking cheaper. A long load needs no resume code: the next run observes and plans anew.
//!
//! # The house
//!
//! ```text
//! floor 5   cli                     the door: verbs, screens, exit codes
//! floor 4   config → assemble       read the file, build the parts
//!           checkup                 look at every part once, a line each
//!           serve                   schedule, several contact centres, control socket, shutdown
//!           console                 web pages over the state file
//! floor 3   reconcile               the story: observe → plan → guard → apply → record → report
//! floor 2   planner (pure)          decides
//!           connect  store  report  does · remembers · tells; siblings never see each other
//!           secrets                 fetches the secrets that are stored in AWS
//! floor 1   model                   the vocabulary, and one port (Target)
//!           aws                     how AWS is reached: credentials, trust, time-outs
//! ground    connectors (own crate)  people as a directory tells them
//! beside    sandbox                 the remote systems, on loopback; imports nothing of the rest
//!           fuzzing                 one entry for each parser of foreign text (a feature; fed by `tests/fuzz`)
//! ```
//!
//! Imports point down only. Cargo enforces the bottom border; `tests/all/house.rs` reads the `use` lines for the rest.
//!
//! # What must always hold
//!
//! 1. **Absence is proven.** Only a listing whose last page was seen may say that somebody is missing; a bound that is hit, a
//!    repeated link, an unreadable group is an error of the pull, and a source whose pull failed freezes its people. Nobody
//!    where there were people is an error, and so is nobody but strangers. Whoever is missing without a tombstone is asked
//!    for by id; if there are too many to ask, a sample is, and they are held until a second complete listing agrees. One
//!    who is there after all voids the listing's word about the others. `tests/all/mass_loss` is the proof.
//! 2. **An unreadable record is present**: quarantined, not absent.
//! 3. **Identity is `source/immutable-id`**, never a username or an e-mail address.
//! 4. **We touch only what is ours**: an owner mark (the tag [`model::OWNER_TAG`]), or an adopt rule that names the user.
//! 5. **The planner is a function**: same observation, same rules, same plan.
//! 6. **The executor does not choose.** Names are ids already; limits are checked already.
//! 7. **One change = one API call = one quota cell = one outcome.** The SDK's own retries are off; every attempt passes the
//!    quota and is counted.
//! 8. **A capability is a value with one maker**: [`connectors::DirectorySnapshot`] (complete), [`model::ApprovedPlan`]
//!    (the guard's), [`store::RunLease`] (the store's). Applying needs the last two.
//! 9. **Intent before call, outcome after**, in the ledger. An intent without an outcome is in doubt, and settled by looking.
//! 10. **Leaving is a desired state.** Suspended differs from active in attributes only.
//! 11. **Nothing is dropped in silence**: everybody ends in one [`model::Decision`], every change in one [`model::Outcome`].
//! 12. **The cursor commits with the data**, and is taken before the baseline listing.
//! 13. **Secrets and personal values never reach a log line**; people are named by key there. A secret is read late, from where
//!     the configuration says ([`connectors::SecretSource`]), and lives in memory that is wiped.
//! 14. **Time and ids come in as values.** The wall clock is read in `cli`; `serve` is handed it. Waits use tokio's clock.
//! 15. **A failing report or message never fails a run.** The ledger is the outbox; each sink has a cursor of its own.
//! 16. **Every loop over a remote system has an upper bound, and reaching it is an error.** Credentials go to the configured
//!     host only, over TLS beyond this machine ([`connectors::http::Tls`]).
//!
//! What stands against malice and accident is told in [`threat_model`].
//!
//! # Several directories
//!
//! The configuration names the order of precedence. Records of different sources with one username or e-mail address are one
//! human ([`planner::rules::Rules::same_person`]); the first source that still says something about them decides, also when
//! what it says is "has left" and also while it cannot be read. The others are shadowed: told, never followed. When another
//! record comes to decide, the Connect user is handed over by its owner mark, not deleted and created. Attributes of several
//! records are never mixed: a source that cannot be read would change a persona by falling out.
//!
//! # The guard
//!
//! A plan is weighed by what it does to people, not by its length: removed, changed, raised to a privileged profile, taken
//! out of one routing profile, a department emptied, a profile below its fewest users ([`planner::rules::Limits`]). The
//! planner counts what is at stake ([`model::stakes`]), the guard compares. Canaries are accounts that never leave: one that
//! a directory does not tell of any more says that its listing is not whole, before any number does. A refused plan names
//! the digest of its guarded part; an approval is of one digest, for one run, for a time.
//!
//! Details that no search returns take a call for each user, so on the first day a plan grows for minutes. Such a plan is not
//! put to anybody ([`planner::guard::NotYet`]): what nobody has read counts as the worst, what fits all the same goes, what
//! follows from the reading waits until it is whole, and is weighed once.
//!
//! # Secrets and trust
//!
//! The configuration names secrets and holds none: an environment variable, a private file, AWS Secrets Manager, the Parameter
//! Store ([`secrets`]). A value is read when a request needs it and once more when the remote refuses it, so that a rotated one
//! takes effect without a restart. From where it is read to the header it goes into it lives in memory that is wiped; what the
//! HTTP client, TLS and the AWS SDK copy for the length of a request cannot be, nor can the process's environment.
//!
//! Beyond this machine everything is TLS 1.2 or later, verified by the system's roots or Mozilla's, and by a company's own
//! authority if one is configured; the directories and AWS go by the same word ([`connectors::http::Tls`], [`aws`]). Nobody
//! follows a redirect. Plain http is for loopback, where no real AWS credential is ever sent.
//!
//! # Order of changes
//!
//! In a plan: leavers' updates, deletes, adopts, security profiles taken, other updates, creates, renames; inside that by
//! person, then facet. While applying, changes of one person keep that order; different people go side by side, one lane per
//! operation, because Connect counts each operation apart. Security profiles are given only after all that are taken, in
//! whatever lanes; a create that wants a username which a delete sets free waits for that delete. Quick connects of a user
//! are deleted *before* the user: a crash in between leaves a user whose delete is planned again, instead of quick connects
//! that nobody looks for.
//!
//! Connect cannot rename. Under `rename = "recreate"` a changed username is a create, moves of quick connects and a delete, one
//! chain of one person that comes after everything else. The new user's id is known only while applying; the chain takes it
//! from the create's outcome and from nowhere else. Wherever it is cut short, the next look finds one user, or two with one
//! owner mark of which the memory proves one to be from before; the rest of the chain is planned again.
//!
//! # Taking a run back
//!
//! `undo RUN` reads what the run did from the ledger, looks at Connect anew, and plans what gives it back
//! ([`planner::undo`]); guard, lease, ledger and reports are those of every run. A value that somebody changed since, or
//! that nobody had read, is listed instead of written; users that the run created are not deleted, because leaving has one
//! way only. Before the first change it remembers which wishes were taken back ([`model::Undone`]), so that whenever the
//! process ends no ordinary run writes them again: the next `undo` of the same run does the rest. Ordinary plans leave a
//! facet alone as long as its wish is the one that was taken back, and forget it as soon as the wish is another one, Connect
//! agrees with it, or somebody releases it. A leaver who was given back is kept only as the same leaver, and only for a
//! configured time.
//!
//! # What is refused, and what is broken
//!
//! A step that Connect refuses rests on a clock of its own ([`model::Retry`]): 5 minutes at first, a day at the most, an hour
//! for what takes access away. The person's other facets and everybody else go on. Another wish for the step, `sync now
//! --user` and `sync now --full` try at once. The same trouble with the configuration in three runs in a row puts the contact
//! centre in quarantine ([`model::Quarantine`]): the schedule only probes, by hand it is always tried, a success ends it. A
//! directory that refuses us beside others rests alone. What passes by itself does none of this.
//!
//! # Who is told of trouble
//!
//! After each run, failed ones included, what is wrong is compared with what each notifier has told ([`model::Book`]), as a
//! pure function ([`report::notify::decide`]): at once, after 1, 6 and 24 hours, then daily; the end of it once. It bounds
//! messages by time, whatever the number of runs. A message counts once the far side has confirmed it; a notifier that fails
//! fails no run, and is tried less and less often, once an hour at the least.
//!
//! # As a service
//!
//! [`serve`] keeps contact centres up, each on a thread of its own with its own store, lease, schedule and loop; they share
//! the token buckets of the process. The scheduler only rings: when a tick is due is a pure function of schedule, time zone
//! and moment ([`serve::next_after`]), and a clock that is set neither makes ticks up nor holds them back. Whatever
//! changes (a configuration, a pause) takes effect between two runs. A run has a bound; one that reaches it, or panics, is
//! dropped, and the contact centre starts again with another lease, as after a crash. Who looks at it from outside has a
//! [`serve::Handle`]: questions queue, listeners lose lines, and nobody who listens can slow a run. Whether it is well is a
//! function of its standing and the time ([`serve::health`]).
//!
//! # One-place additions
//!
//! | New | The place | Then the compiler or a test asks for |
//! | --- | --- | --- |
//! | connector | a folder in `connectors/src/` and a variant of [`connectors::Source`] | its arms; a line in `tests/all/contract` runs every case over it |
//! | Connect attribute | a row in [`model::ATTRIBUTES`] and its variant | two arms in `connect/codec.rs` |
//! | metric | a line in `report/metrics/exposition.rs`; for CloudWatch, a name in `report/emf.rs` | a test that it is a number |
//! | report sink | a file in `report/` and a variant of [`report::SinkKind`] | its arm in `build` |
//! | way of telling of trouble | a file in `report/notify/` and a variant of [`report::notify::NotifierKind`] | its arms |
//! | kind of trouble that is told | a variant of [`model::Subject`] | its word, its title, where `reconcile/notify.rs` meets it |
//! | mapping condition | a variant of [`planner::rules::Condition`] | its evaluation and text form |
//! | verb | a variant in `cli` | its arm and screen |
//! | parser of foreign bytes | a line in `fuzzing.rs` of its crate | a folder in `tests/fuzz/corpus` |
//! | call to Connect | a row in [`model::Operation`] | its arm in `cli/policy/aws.rs`: when it happens, and on what |
//! | operation of the API | a function in `console/api/` and a line in its `described` | a row in `tests/all/console/api.rs`, which holds every answer against the document |
//! | page of the console | a file in `console/` and a line in its `router` | the crawl in `tests/all/console/pages.rs`, once a link leads there |
//! | limit of the guard | a field of [`planner::rules::Limits`]; a number it needs, in [`model::Stakes`] | complete destructuring in the guard |

pub mod assemble;
pub mod aws;
pub mod checkup;
pub mod cli;
pub mod config;
pub mod connect;
pub mod console;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod model;
pub mod planner;
pub mod reconcile;
pub mod report;
pub mod sandbox;
pub mod secrets;
pub mod serve;
pub mod store;
pub mod threat_model;
