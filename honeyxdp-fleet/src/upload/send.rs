//! Sending one file.

use std::io;

use anyhow::{Context as _, ensure};
use futures_util::TryStreamExt as _;
use honeyxdp_archive::Entry;
use object_store::{ObjectStoreExt as _, WriteMultipart, path::Path};
use tokio::{fs::File, io::AsyncReadExt as _};

use crate::Place;

/// Larger files go in parts of this size, and appear when the last one is there.
const PART: usize = 8 << 20;
/// Parts on their way at a time.
const AT_A_TIME: usize = 2;

/// What became of a file.
pub(super) enum Sent<'a> {
    /// It is there.
    There(&'a Entry),
    /// It was merged into another one meanwhile.
    Gone,
}

/// Sends a file. It is there whole, or not at all.
pub(super) async fn send<'a>(place: &Place, file: &'a Entry) -> anyhow::Result<Sent<'a>> {
    let mut from = match File::open(&file.path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Sent::Gone),
        opened => opened.with_context(|| format!("cannot read {}", file.path.display()))?,
    };
    let location = place.directory(file.table, file.date).join(file.name.to_string());
    let cannot = || format!("cannot upload {} to {place}", file.path.display());
    if file.bytes <= PART as u64 {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).await.with_context(cannot)?;
        is_whole(file, bytes.len() as u64)?;
        place.store().put(&location, bytes.into()).await.with_context(cannot)?;
    } else {
        in_parts(place, file, &mut from, &location).await.with_context(cannot)?;
    }
    if !place.verifies() {
        let mut there = place.store().get(&location).await.with_context(cannot)?.into_stream();
        let mut here = File::open(&file.path).await.with_context(cannot)?;
        let mut bytes = Vec::new();
        while let Some(piece) = there.try_next().await.with_context(cannot)? {
            bytes.resize(piece.len(), 0);
            let same = here.read_exact(&mut bytes).await.is_ok() && bytes == piece;
            ensure!(same, "{} is not what was sent", place.url_of(&location));
        }
        ensure!(here.read(&mut [0]).await.with_context(cannot)? == 0, "{} is cut short", place.url_of(&location));
    }
    Ok(Sent::There(file))
}

async fn in_parts(place: &Place, file: &Entry, from: &mut File, location: &Path) -> anyhow::Result<()> {
    let upload = place.store().put_multipart(location).await?;
    let mut to = WriteMultipart::new_with_chunk_size(upload, PART);
    let sent = async {
        let (mut piece, mut sent) = (vec![0; 1 << 16], 0);
        loop {
            let bytes = from.read(&mut piece).await?;
            if bytes == 0 {
                return is_whole(file, sent);
            }
            to.wait_for_capacity(AT_A_TIME).await?;
            to.write(&piece[..bytes]);
            sent += bytes as u64;
        }
    };
    match sent.await {
        // If this goes wrong, it takes the parts back itself.
        Ok(()) => Ok(to.finish().await.map(drop)?),
        Err(error) => {
            // Parts that nobody puts together cost room. If this cannot be said either, the bucket's own rules remove them.
            let _ = to.abort().await;
            Err(error)
        }
    }
}

fn is_whole(file: &Entry, bytes: u64) -> anyhow::Result<()> {
    ensure!(bytes == file.bytes, "{} had {} bytes, and now {bytes}", file.path.display(), file.bytes);
    Ok(())
}
