//! Network namespaces of tests and demos that were killed.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::command::{as_root, find, output, run};

/// Network namespaces of test processes that are no more.
pub(crate) fn list() -> Result<Vec<String>> {
    let Some(ip) = find("ip") else {
        bail!("This needs ip: install iproute2.");
    };
    let list = output(Command::new(ip).args(["netns", "list"]))?;
    Ok(dead(&list, |pid| Path::new("/proc").join(pid.to_string()).exists()))
}

/// The namespaces `hx-PID-...` in the list of `ip netns` whose process is dead.
fn dead(list: &str, lives: impl Fn(u32) -> bool) -> Vec<String> {
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| {
            let pid = name.strip_prefix("hx-").and_then(|rest| rest.split('-').next()).and_then(|pid| pid.parse().ok());
            pid.is_some_and(|pid| !lives(pid))
        })
        .map(str::to_owned)
        .collect()
}

/// Deletes what an earlier run left behind, for example because it was killed.
pub(crate) fn remove() -> Result<String> {
    let leftovers = list()?;
    for name in &leftovers {
        run(as_root(find("ip").context("This needs ip: install iproute2.")?, &[])?.args(["netns", "delete", name]))?;
    }
    Ok(if leftovers.is_empty() { "none".into() } else { format!("deleted {}", leftovers.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_namespaces_of_dead_tests_are_leftovers() {
        let list = "hx-17-0-a (id: 3)\nhx-18-1-b\nhx-me\nother-17-0\nhx--1\n";
        assert_eq!(dead(list, |pid| pid == 18), ["hx-17-0-a"]);
    }
}
