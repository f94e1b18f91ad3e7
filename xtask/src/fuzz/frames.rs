//! `cargo xtask fuzz frames`: kernel against host.

use anyhow::Result;

use crate::{
    command::{become_as_root, own_arguments},
    lab,
};

#[path = "../../../tests/src/bin/lab/frames/args.rs"]
mod args;

pub(crate) use args::Args;

pub(crate) fn main(_: &Args) -> Result<()> {
    become_as_root(&lab::build(&[])?, &own_arguments("frames"))
}
