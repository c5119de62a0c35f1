//! Everything that is tested from outside, in one binary.

#![recursion_limit = "256"]

mod house;
mod mass_loss;
mod process;
mod spine;
mod world;
