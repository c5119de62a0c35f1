//! Everything that is tested from outside, in one binary.

mod house;
mod mass_loss;
mod spine;
mod world;
