//! `cargo xtask vm`: kernel tests on kernels that this machine does not run, in a virtual machine.

mod image;
mod kernel;
mod machine;

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{
    command::{say, target},
    programs::{self, Program},
    test,
};

use self::{image::Image, kernel::Kernel, machine::Outcome};

/// Run kernel tests on Debian's kernels, in a virtual machine
///
/// Downloads the kernel's package with apt-get, installs nothing of it, and boots it under QEMU with a file system in memory that
/// holds the built tests, the sensor and what they call. The tests load the program, compare kernel and host on the named
/// frames, on their cuts and on random ones, filter, answer knocks, attach to a veth pair in both modes, restart under
/// traffic, and give rights away. They are those of `cargo xtask test`; only the kernel is another one. At the end stands a line for each kernel.
///
/// QEMU emulates the processor in software, some ten times slower than this machine: allow seven minutes for a kernel.
///
/// Examples:
///
///   cargo xtask vm                                  # Debian's newest 6.1 and 6.12
///   cargo xtask vm --kernel linux-image-6.12.117+deb12-cloud-amd64
///   cargo xtask vm --kernel ./linux-image-6.1.0-50-amd64_6.1.190-1_amd64.deb
///   cargo xtask vm --kernel 6.1 -- restart          # only tests whose name contains it
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Debian's package of a kernel, its .deb file, or a series like 6.1 for its newest cloud kernel; repeat it for several
    #[arg(long = "kernel", value_name = "PACKAGE", default_values = ["6.1", "6.12"])]
    kernels: Vec<String>,
    /// How QEMU runs the guest: tcg emulates and works everywhere, kvm is fast where the machine has it
    #[arg(long, value_name = "NAME", default_value = "tcg")]
    accelerator: String,
    /// Minutes that a kernel may take
    #[arg(long, value_name = "N", default_value_t = 30)]
    minutes: u64,
    /// Only those of its tests whose name contains FILTER
    #[arg(last = true, value_name = "FILTER", default_value = "")]
    filter: String,
}

/// Programs that this takes, and Debian's package of each.
const PROGRAMS: &[Program] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("/bin/busybox", "busybox-static"),
    ("dpkg", "dpkg"),
    ("cpio", "cpio"),
    ("xz", "xz-utils"),
    ("strip", "binutils"),
    ("curl", "curl"),
    ("setpriv", "util-linux"),
    ("ip", "iproute2"),
    ("sysctl", "procps"),
];

/// The tests of each module. Left out are those that need scanners and other big programs, that measure time, or that load more than some
/// programs: an emulated processor verifies one in eight seconds.
const TESTS: &[(&str, &[&str])] = &[
    (
        "frames",
        &[
            "host_and_kernel_agree_with_the_table",
            "every_frame_cut_at_every_length_is_counted_alike",
            "a_million_random_frames_are_counted_alike",
            "secondary_marks_are_counted_beside_the_primary_one",
        ],
    ),
    ("filters", &["filters_of_the_command_line_are_in_force_and_in_the_snapshot"]),
    ("flows", &["a_record_holds_the_fields_of_its_first_and_last_syn", "a_sensor_counts_every_source_once"]),
    ("responder", &["a_knock_at_a_dark_address_becomes_a_payload", "whatever_comes_is_answered_rightly_or_left_alone"]),
    (
        "sensor",
        &[
            "every_frame_on_a_cable_is_counted_once_native",
            "every_frame_on_a_cable_is_counted_once_generic",
            "few_capabilities_are_enough_and_a_missing_one_is_named",
            "marked_syns_are_traced_at_a_limited_rate",
            "a_second_program_on_an_interface_is_refused_with_the_name_of_the_first",
            "an_interface_that_vanishes_is_reported_and_watched_when_it_is_back",
            "kill_9_detaches_and_leaves_a_whole_snapshot",
        ],
    ),
    (
        "restart",
        &[
            "nothing_is_lost_when_the_sensor_is_killed_again_and_again",
            "filters_are_shown_changed_and_refused_in_words",
            "a_stopped_sensor_with_pins_goes_on_counting_until_it_is_detached",
            "an_interface_that_comes_back_is_pinned_again_by_a_sensor_with_few_rights",
        ],
    ),
    (
        "rights",
        &[
            "a_running_sensor_has_few_capabilities_in_every_thread_and_goes_on_to_its_end",
            "in_the_sandbox_files_and_tcp_are_out_of_reach",
        ],
    ),
];

/// The kernels of `cargo xtask vm` without options, for `cargo xtask test --long`.
pub(crate) fn every_kernel() -> Result<()> {
    let kernels = ["6.1", "6.12"].map(str::to_owned).into();
    main(&Args { kernels, accelerator: "tcg".into(), minutes: 30, filter: String::new() })
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let lines = matrix(args)?;
    say("kernels");
    eprintln!("    {:<32} {:<7} {:>6} {:>6} {:>10} {:>8}", "release", "", "passed", "failed", "load ms", "seconds");
    for line in &lines {
        eprintln!("    {line}");
    }
    let failed = lines.iter().filter(|line| !line.is_right()).count();
    ensure!(
        failed == 0,
        "{failed} of {} kernels failed; what each printed is in {}.",
        lines.len(),
        directory().display()
    );
    Ok(())
}

/// Boots one kernel after the other.
pub(crate) fn matrix(args: &Args) -> Result<Vec<Outcome>> {
    programs::install("The virtual machines", PROGRAMS)?;
    let kernels = args.kernels.iter().map(|name| Kernel::get(name)).collect::<Result<Vec<_>>>()?;
    let tests = named(&args.filter);
    let expected: usize = tests.iter().map(|(_, tests)| tests.len()).sum();
    ensure!(expected > 0, "None of the tests that run on other kernels has {:?} in its name.", args.filter);
    let built = test::build()?;
    let limit = Duration::from_secs(60 * args.minutes);
    let mut outcomes = Vec::new();
    for kernel in &kernels {
        let image = Image::build(kernel, &built, &tests)?;
        outcomes.push(machine::boot(kernel, &image, expected as u64, &args.accelerator, limit)?);
    }
    Ok(outcomes)
}

/// The tests with these letters in their name.
fn named(filter: &str) -> Vec<(&'static str, Vec<&'static str>)> {
    let matching = |tests: &[&'static str]| tests.iter().filter(|test| test.contains(filter)).copied().collect();
    let files = TESTS.iter().map(|(name, tests)| (*name, matching(tests)));
    files.filter(|(_, tests): &(_, Vec<_>)| !tests.is_empty()).collect()
}

/// Where kernels are unpacked and what they printed is kept.
fn directory() -> std::path::PathBuf {
    target().join("vm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_tests_of_the_list_by_a_part_of_their_name() {
        assert_eq!(named("counted_once"), [("sensor", TESTS[4].1[..2].to_vec())]);
        assert_eq!(named("").len(), TESTS.len());
        assert!(named("no such test").is_empty());
    }
}
