//! What could go wrong on purpose, what stands against it, and what does not.
//!
//! This module holds no code. It is a page: every claim names the place where it is made true, and most of them the test that
//! would fail first.
//!
//! # What is worth protecting
//!
//! 1. **People's access.** Who may take calls, hear recordings, change the contact centre. Too much of it is a breach, too
//!    little of it is a shift without agents.
//! 2. **Credentials.** Those of the directories (they can read everybody) and of AWS (they can make administrators).
//! 3. **Personal data.** Names, addresses, phone numbers, departments of everybody in scope.
//! 4. **The record.** What was changed, when, why; somebody will rely on it after an incident.
//! 5. **The approval.** Whoever may approve lets through what the guard held.
//!
//! # Where trust ends
//!
//! ```text
//!   directories ──https──▶ ┌──────────────┐ ──https──▶ Amazon Connect
//!   (answers are foreign)  │   rollcall   │ ──https──▶ CloudWatch Logs, secret stores, SNS, webhooks
//!   configuration ───────▶ │  one process │ ◀──socket── other processes of the same user
//!   (its owner is trusted) │              │ ◀──http(s)─ browsers, with the console's token
//!                          └──────┬───────┘
//!                          state file, 0600
//! ```
//!
//! - A **directory** is believed about its people, after its answer was proven whole. It is not believed about anything else:
//!   not about where to send credentials, how long to wait, how much to read.
//! - The **configuration file** is trusted: whoever may write it decides who gets what. It holds no secret.
//! - **Amazon Connect** is believed about what it holds. Whoever has its console can do whatever rollcall can, and more.
//! - The **state file** is ours alone. A damaged or foreign one is an error; an old or lost one costs history, not people.
//! - A **webhook** receives texts without personal values, and is believed about nothing but having taken them. Whoever has its
//!   address may post there: the address is treated like a secret, and what is posted can be signed.
//! - **Other users of the machine** are not trusted. Other processes of the same user are: they could read our memory.
//!
//! # Threats
//!
//! | Threat | What stands against it | Shown by |
//! | --- | --- | --- |
//! | A directory that errs, lies about its end, answers empty, loops, or is another company's, takes everybody's access away | absence is proven and confirmed person by person ([`connectors::DirectorySnapshot`]); a source that fails freezes its people; limits on removals hold the rest for a human | `tests/all/mass_loss`, `tests/all/contract`, `scripts/simulate` |
//! | Somebody who may edit one directory attribute raises their own access | rules give profiles, attributes only choose among them; raises of profiles named privileged are limited and held; an unknown name is never taken as a profile | [`planner::guard`](crate::planner::guard), `planner::laws` |
//! | Somebody in the directory takes over another person's Connect user by taking the username | identity is the immutable id and our owner mark; two claims are a quarantine; only an adopt rule touches a user without a mark | `planner::tests::matching` |
//! | A link or redirect in an answer leads credentials to another host | no redirect is followed; a credential goes to the configured origin only, compared by scheme, host and port | `connectors::http`, `connectors::paging`, case "a foreign link" and "a redirect" of the contract |
//! | Somebody listens on the wire, or pretends to be the directory | https beyond loopback, certificates verified; a loopback endpoint never gets real AWS credentials | `connectors::http::require_safe`, `connect::client` |
//! | A stolen access token is used elsewhere | short-lived tokens, never stored; DPoP binds them to a key where the server can (Okta) | `tests/foreign`, `tests/all/okta_sign_in` |
//! | A secret is read from a file, a log, a crash report, a report | references only; private files; no `Debug`, no `Serialize`; wiped when dropped; libraries may not log requests | `tests/all/redaction` |
//! | Hostile bytes in an answer crash, hang or exhaust the process | bounded bodies, pages, waits and loops; parsers that give errors; no `unsafe` | fuzz targets (`scripts/fuzz`), contract cases |
//! | A name or department carries control characters, markup or a formula into screens and reports | values are data in JSON events; screens show control characters as signs; usernames outside Connect's alphabet are held | `cli::style`, `report::event` |
//! | Another local user exchanges the state file, reads it, or talks to the service | 0600 files, refused in folders where everybody may exchange files; the control socket is its owner's | `store::tests::opening`, `serve::control` |
//! | Two processes, or one that was asleep, write at once | one lease with a fencing number that every write proves | `store::lease`, `scripts/simulate` |
//! | An administrator approves something else than was shown | an approval names the digest of exactly the guarded changes, is used once, and expires | [`planner::guard::digest`](crate::planner::guard::digest) |
//! | Somebody without the token looks at the console, or guesses it | 256 random bits, stored as a hash, compared in constant time; five attempts a minute from one network, sixty in all; sessions rest after an hour and end after twelve, and a new token ends all of them; beyond loopback only with TLS or a declared proxy, and only once a token was made | `tests/all/console/access.rs`, [`console`](crate::console) |
//! | Another web site makes a signed-in browser approve (CSRF), reads pages (DNS rebinding), or frames them | cookies are `SameSite=Strict`, `HttpOnly`, `__Host-` under https; a POST needs our own `Origin` and a word made from its session's cookie; only our own names are answered; nothing may frame a page, and pages load nothing from elsewhere | `tests/all/console/access.rs` |
//! | A name from the directory runs as script in the console, or as a formula in a saved table | every text is escaped where it is written, the policy allows no script but one file of ours, cells that look like formulas get an apostrophe | `tests/all/console/pages.rs` |
//! | Somebody floods the console | bounded connections, headers, bodies and waits; pages read from memory made once for each run; what takes long is done one at a time, a check at most every 30 seconds; what fails there stops nothing else | `console::server`, `console::known` |
//! | A browser that is signed in is made to act through `/api`, or a token is guessed there | whatever changes something wants the token in a header, which no browser sends by itself; wrong ones count as attempts to sign in, a right one is never held up; a body with an unknown field is refused, so that a misspelt person never means everybody | `tests/all/console/api.rs` |
//! | Somebody learns of the contact centre from probes and metrics | probes say one word unless the token is shown; metrics are for this machine and for the token, and name nobody | `tests/all/console/machines.rs` |
//! | Nobody knows who approved | sign-ins, refused tokens, sign-outs, approvals, checks and questions about other rules are kept in the state file, shown on a page and logged, by session and address | `tests/all/console` |
//! | The record is thinned out by making the report fail | the ledger is the outbox; a sink that was down catches up; a failing report never stops or hides a change | `tests/all/spine`, `tests/all/killed` |
//! | People stop reading the messages because there are too many, or are not told because somebody makes it fail | how much is told depends on time, never on the number of runs; what was not confirmed is due again; a clock that is set back silences nothing for long | `report::notify::laws`, `tests/all/notify` |
//! | Somebody reads a directory or a person out of a message, or makes one give commands in a chat system | messages name people by key; texts from elsewhere are cut, without control characters and without the signs that chat systems read as markup | `report::notify::message`, `tests/all/redaction` |
//! | Somebody else posts messages in rollcall's name, or learns where they go | HMAC-SHA256 over time and body; address, header and key of a webhook are in no error and no log; no redirect is followed | `tests/all/notify::wire`, `tests/all/redaction` |
//! | A dependency turns bad | pinned by `Cargo.lock`, checked for advisories, licences, doubles and origin by `cargo deny` | `scripts/test` |
//! | The AWS role does more than rollcall needs, and is stolen | `rollcall check --policy` prints the least policy for this configuration | `cli::policy` |
//!
//! # What is deliberately not defended
//!
//! - **Root, and the user rollcall runs as.** They can read its memory and its files.
//! - **One token for everybody.** The console knows no accounts: whoever has the token sees everybody and may approve. Put a proxy
//!   that knows your people before it if that is too much.
//! - **A directory administrator who honestly disables everybody.** The guard asks first; whoever approves has decided.
//! - **The configuration's author.** Review it as you review access.
//! - **Copies of secrets that libraries make** while they build a request, and the environment of the process: `env` is the
//!   weakest of the places a secret can come from.
//! - **Availability of the remote systems.** rollcall waits, says so, and goes on; it takes nobody's access meanwhile, which also
//!   means that a leaver keeps access while the only directory that could tell is down. The age of the last reading is in
//!   `rollcall status`.
