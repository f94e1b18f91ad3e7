//! Writes the named frames into a directory, a file each: seeds for the fuzz target `frame`.

use std::{env, fs, io, path::PathBuf};

use honeyxdp_frames::named;

fn main() -> io::Result<()> {
    let directory = env::args_os().nth(1).map(PathBuf::from);
    let directory = directory.ok_or_else(|| io::Error::other("name the directory that the frames are written to"))?;
    for named in named::frames() {
        let name: String = named.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        fs::write(directory.join(name), named.bytes)?;
    }
    Ok(())
}
