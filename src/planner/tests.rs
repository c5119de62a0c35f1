//! The close calls, as tables: directory, Connect and memory as text on one side, the plan as text on the other.

mod authority;
mod leaving;
mod matching;
mod persona;
mod profile;
mod rename;
mod resting;
mod sources;
mod telling;
mod undoing;
mod what_if;
