//! The entry point that the programs of honeyxdp share: environment, errors and exit status.

use std::{ffi::OsString, io::Write as _, process::ExitCode};

/// Prefix of the variables that set options.
const PREFIX: &str = "HONEYXDP_";

/// Runs a program with the arguments of the process, without variables that are set to nothing.
///
/// An empty line in an environment file means that nothing is set.
pub fn main(run: impl FnOnce(Vec<OsString>) -> ExitCode) -> ExitCode {
    let empty =
        std::env::vars_os().filter(|(name, value)| value.is_empty() && name.to_string_lossy().starts_with(PREFIX));
    for (name, _) in empty.collect::<Vec<_>>() {
        // SAFETY: the process has no other thread yet.
        unsafe { std::env::remove_var(name) };
    }
    run(std::env::args_os().collect())
}

/// Prints the error of a program, if there is one, and returns its exit status: 0 for success, 1 for failure.
pub fn finish(program: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            fail(program, &error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error on standard error, with the program's name before each line. A closed standard error is ignored.
pub fn fail(program: &str, error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    for line in describe(error).lines() {
        let _ = writeln!(stderr, "{program}: {line}");
    }
}

/// An error and its causes in one sentence. A cause that the text already ends with is left out: many errors of libraries
/// have their cause in their text.
pub fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::{Context as _, anyhow};

    use super::*;

    #[derive(Debug)]
    struct Both(io::Error);

    impl std::fmt::Display for Both {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "cannot read the list: {}", self.0)
        }
    }

    impl std::error::Error for Both {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_are_printed_once() {
        let error = anyhow::Error::from(Both(io::Error::from_raw_os_error(2))).context("--dst");
        assert_eq!(describe(&error), "--dst: cannot read the list: No such file or directory (os error 2)");
        let plain = Err::<(), _>(anyhow!("b")).context("a").unwrap_err();
        assert_eq!(describe(&plain), "a: b");
    }
}
