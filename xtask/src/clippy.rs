//! clippy, as the compiler of what is built anyway.

use std::process::Command;

use crate::command::output;

/// The compiler that is clippy.
const DRIVER: &str = "clippy-driver";

/// Lets cargo build our own packages with the compiler that is clippy, where there is one: a warning fails the build. `cargo clippy`
/// would look at every dependency once more, which takes as long as half of building them, and gigabytes.
pub(crate) fn linted(command: &mut Command) -> &mut Command {
    if has_clippy() {
        // As `cargo clippy` calls it.
        command.env("RUSTC_WORKSPACE_WRAPPER", DRIVER).env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
    }
    command
}

/// rustup leaves a program of this name even where the component is not installed, so it is asked.
fn has_clippy() -> bool {
    output(Command::new(DRIVER).arg("--version")).is_ok()
}

/// What a summary says of it.
pub(crate) fn about() -> String {
    if has_clippy() {
        String::new()
    } else {
        "without clippy, which is not there (`rustup component add clippy`)".into()
    }
}
