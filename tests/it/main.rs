//! The integration tests, one program: the whole of layersift from an archive's bytes to the report.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read small files whole and look at their own environment"
)]

mod action;
mod architecture;
mod base;
mod builders;
mod cache;
mod cases;
mod command;
mod corpus;
mod cost;
mod demo;
mod diff;
mod documents;
mod engines;
mod faults;
mod formats;
mod import;
mod inside;
mod judged;
mod layouts;
mod leftovers;
mod library;
mod limits;
#[path = "../../benches/support/mod.rs"]
#[allow(dead_code, reason = "the benches use more of it")]
mod made;
mod matrix;
mod memory;
mod own_rules;
mod packaged;
mod page;
mod pipeline;
mod policy;
mod registry;
mod repositories;
#[cfg(feature = "serve")]
mod serve;
mod shells;
mod steps;
#[path = "../support/mod.rs"]
mod support;
mod suppress;
mod terminal;
mod threads;
