//! Running other programs: cargo, programs that need root, and the program that takes the place of this one.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

/// Root directory of the repository.
pub(crate) fn repository() -> PathBuf {
    // What cargo says when it runs the task counts, and not where the task was compiled.
    let xtask =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().expect("xtask is a directory of the repository").to_path_buf()
}

/// Directory for everything that is built.
pub(crate) fn target() -> PathBuf {
    // Relative to where cargo was called, as cargo reads it.
    env::var_os("CARGO_TARGET_DIR")
        .and_then(|target| std::path::absolute(target).ok())
        .unwrap_or_else(|| repository().join("target"))
}

/// The cargo that runs this task.
pub(crate) fn cargo_program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// cargo, to be run in the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(cargo_program());
    command.current_dir(repository());
    // What cargo told the task about itself is nothing for the build scripts of a second cargo: they would run again.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_BIN_NAME" {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_TARGET_DIR", target());
    command
}

/// One line about what happens next.
pub(crate) fn say(text: impl AsRef<str>) {
    eprintln!("==> {}", text.as_ref());
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = vec![Path::new(command.get_program()).file_name().unwrap_or(command.get_program())];
    words.extend(command.get_args());
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The word as a shell takes it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_=+./:,@%".contains(c)) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Prints the command, runs it and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(shown(command));
    let status = command.status().with_context(|| not_started(command))?;
    if !status.success() {
        bail!("`{}` failed ({status}); see its messages above.", shown(command));
    }
    Ok(())
}

/// What the command prints to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| not_started(command))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", shown(command), reason(&output.stderr));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed something that is no text.", shown(command)))
}

/// The line of a program's messages that says best why it failed: the first error, or else the last line.
fn reason(messages: &[u8]) -> String {
    let messages = String::from_utf8_lossy(messages);
    let lines = || messages.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().find(|line| line.starts_with("error:") || line.starts_with("E:"));
    error.or_else(|| lines().next_back()).unwrap_or("it does not say why").to_owned()
}

fn not_started(command: &Command) -> String {
    format!("`{}` could not be started.", shown(command))
}

/// Where the program is. The directories of system programs count, even if a user's PATH lacks them.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// The program with root's rights: as it is for root, by sudo for others.
///
/// sudo clears the environment, so variables are passed on by `env`.
pub(crate) fn as_root(program: impl AsRef<OsStr>, variables: &[&str]) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    let Some(sudo) = find("sudo") else {
        bail!(
            "{} needs root, and there is no sudo: run this task as root.",
            Path::new(program.as_ref()).file_name().unwrap_or(program.as_ref()).display()
        );
    };
    let mut command = Command::new(sudo);
    command.arg("--").arg("env");
    for variable in variables {
        if let Some(value) = env::var_os(variable) {
            let mut assignment = OsString::from(format!("{variable}="));
            assignment.push(value);
            command.arg(assignment);
        }
    }
    command.arg(program);
    Ok(command)
}

/// Variables that a program in a terminal keeps under sudo.
pub(crate) const TERMINAL: &[&str] = &["TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "RUST_LOG", "RUST_BACKTRACE"];

/// Tasks whose options are those of the program that they start.
const TRANSPARENT: &[&str] = &["demo", "bench", "soak"];

/// This task's command line. For tasks whose options are those of a program, a leading `--` is dropped, so that
/// `cargo xtask demo -- --help` is `cargo xtask demo --help` and builds nothing.
pub(crate) fn arguments() -> Vec<OsString> {
    without_separator(env::args_os().collect())
}

fn without_separator(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_transparent = args.get(1).is_some_and(|task| TRANSPARENT.iter().any(|name| task == name));
    if is_transparent && args.get(2).is_some_and(|arg| arg == "--") {
        args.remove(2);
    }
    args
}

/// A program of the lab, and the options that this task was called with.
pub(crate) fn own_arguments(program: &str) -> Vec<OsString> {
    let args = arguments();
    // `fuzz frames` is the only task of two words.
    let words = if args.get(1).is_some_and(|task| task == "fuzz") { 3 } else { 2 };
    [program.into()].into_iter().chain(args.into_iter().skip(words)).collect()
}

/// Tells what is built before it is built, with the time that it takes on two CPUs and the disk space, both of the first time.
pub(crate) fn announce(what: &str, time: &str, disk: &str) {
    say(format!("building {what}: about {time} and {disk} the first time on 2 CPUs, seconds if it is built"));
}

/// Builds a program of the workspace for release and says where it is.
pub(crate) fn build_release(package: &str, binary: &str) -> Result<PathBuf> {
    build("release", package, binary)
}

/// Builds a program of the workspace under one of its profiles and says where it is.
pub(crate) fn build(profile: &str, package: &str, binary: &str) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--locked", "--profile", profile, "--package", package, "--bin", binary]);
    artifacts(build.arg("--message-format=json-render-diagnostics"))?
        .remove(binary)
        .with_context(|| format!("cargo built no program {binary} in package {package}."))
}

/// Runs a cargo that builds and says in JSON what, and returns the executables by the names of their targets.
pub(crate) fn artifacts(build: &mut Command) -> Result<BTreeMap<String, PathBuf>> {
    say(shown(build));
    let output = build.stderr(Stdio::inherit()).output().with_context(|| not_started(build))?;
    ensure!(output.status.success(), "`{}` failed ({}); see its messages above.", shown(build), output.status);
    let lines = output.stdout.split(|&byte| byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    let built = messages.filter(|message| message["reason"] == "compiler-artifact").filter_map(|message| {
        Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(message["executable"].as_str()?)))
    });
    Ok(built.collect())
}

/// Runs the program with root's rights in the place of this process, so that Ctrl-C and signals go straight to it.
pub(crate) fn become_as_root(program: &Path, args: &[OsString]) -> Result<()> {
    let settings: Vec<String> = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("HONEYXDP_"))
        .collect();
    let variables: Vec<&str> = TERMINAL.iter().copied().chain(settings.iter().map(String::as_str)).collect();
    let mut command = as_root(program, &variables)?;
    command.args(args);
    if !is_root() {
        say(format!("{} needs root, so sudo may ask for your password", program.display()));
    }
    replace_by(command)
}

/// Runs a program in the place of this process.
pub(crate) fn replace_by(mut command: Command) -> Result<()> {
    say(shown(&command));
    let error = command.exec();
    Err(error).with_context(|| not_started(&command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separator_is_dropped_before_options_of_the_lab_only() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(without_separator(words("xtask demo -- --help")), words("xtask demo --help"));
        assert_eq!(without_separator(words("xtask run -- --help")), words("xtask run -- --help"));
    }
}
