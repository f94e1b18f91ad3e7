//! Writes the named frames into a folder, a file each: seeds for the fuzz target `frame`.

use std::{env, fs, io, path::PathBuf};

use honeyxdp_frames::named;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("name the folder that the frames are written to"))?;
    for named in named::frames() {
        let name: String = named.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        fs::write(folder.join(name), named.bytes)?;
    }
    Ok(())
}
