//! `cargo xtask demo`: honeyxdp at work, without a network and without an attacker.

use anyhow::Result;

use crate::{
    command::{become_as_root, own_arguments},
    lab, leftovers,
};

#[path = "../../tests/src/bin/lab/demo/args.rs"]
mod args;

pub(crate) use args::Args;

pub(crate) fn main(_: &Args) -> Result<()> {
    leftovers::remove()?;
    become_as_root(&lab::build(&[])?, &own_arguments("demo"))
}
