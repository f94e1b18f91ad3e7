//! The least that an XDP program can do, to measure another one against.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    time::Duration,
};

use crate::syscall::{bpf, descriptor};

const PROG_LOAD: libc::c_int = 5;
const PROG_TEST_RUN: libc::c_int = 10;
const XDP: u32 = 6;

/// The program `return XDP_PASS`.
pub struct Floor(OwnedFd);

/// The head of `union bpf_attr` for BPF_PROG_LOAD.
#[repr(C)]
struct Load {
    program_type: u32,
    instructions: u32,
    code: u64,
    license: u64,
}

/// The head of `union bpf_attr` for BPF_PROG_TEST_RUN.
#[repr(C)]
struct TestRun {
    program: u32,
    return_value: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
}

impl Floor {
    /// Loads it.
    ///
    /// # Errors
    /// Without CAP_BPF and CAP_NET_ADMIN.
    pub fn new() -> io::Result<Self> {
        // mov r0, 2; exit. An instruction is opcode, registers, offset and a 32-bit number.
        const CODE: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 2, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
        let attr =
            Load { program_type: XDP, instructions: 2, code: CODE.as_ptr() as u64, license: c"GPL".as_ptr() as u64 };
        Ok(Self(descriptor(PROG_LOAD, &attr)?))
    }

    /// The time of one run, measured by the kernel over `times` runs on the same frame.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn repeat(&self, frame: &[u8], times: u32) -> io::Result<Duration> {
        let mut attr = TestRun {
            program: u32::try_from(self.0.as_raw_fd()).map_err(io::Error::other)?,
            return_value: 0,
            data_size_in: u32::try_from(frame.len()).map_err(io::Error::other)?,
            data_size_out: 0,
            data_in: frame.as_ptr() as u64,
            data_out: 0,
            repeat: times,
            duration: 0,
        };
        bpf(PROG_TEST_RUN, &raw mut attr)?;
        Ok(Duration::from_nanos(attr.duration.into()))
    }
}
