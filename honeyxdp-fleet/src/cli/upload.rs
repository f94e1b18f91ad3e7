//! `honeyxdp fleet upload`: bring the files of an archive to object storage, once or for as long as a sensor runs.

use std::{path::PathBuf, time::Duration};

use anyhow::{bail, ensure};
use bytesize::ByteSize;
use honeyxdp_archive::{Archive, FileName};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    io::AsyncReadExt as _,
    signal::unix::{SignalKind, signal},
    time,
};

use super::{duration, progress, say};
use crate::{
    Place,
    upload::{Pass, Uploader},
};

/// The longest time between two attempts while the other side cannot be reached.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// What is still to be sent at the end gets so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bring the files of an archive to object storage
///
/// Files go up as they are, under their names, with a checksum, and are tried again until they are
/// there: a sensor that was offline for a day catches up. A file that is sent twice is there once.
/// What was merged here replaces its parts there. `honeyxdp run --archive s3://...` does all this
/// by itself.
///
/// Who may write, and to which server, the environment says: AWS_ACCESS_KEY_ID,
/// AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT (for a server of your own);
/// GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY.
///
/// Examples:
///
///   honeyxdp fleet upload /var/lib/honeyxdp/archive s3://bucket/honeyxdp --once
///   honeyxdp fleet upload /var/lib/honeyxdp/archive s3://bucket/honeyxdp --release 2d
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// Directory of the archive
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Where to: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, or another directory
    #[arg(value_name = "PLACE")]
    place: String,
    /// Only the files of this sensor. Default: of all
    #[arg(long, value_name = "ID")]
    sensor: Option<String>,
    /// Remove files here when their date ended so long ago, as 2d, and the other side has them. Default: none
    #[arg(long, value_name = "TIME", value_parser = duration)]
    release: Option<SignedDuration>,
    /// Go on in the place of another machine that uploaded as this sensor, as after a new disk
    #[arg(long)]
    take_over: bool,
    /// Upload what is there, and end
    #[arg(long, conflicts_with = "every")]
    once: bool,
    /// Look for new files so often, as 10s
    #[arg(long, value_name = "TIME", value_parser = pause, default_value = "10s")]
    every: Duration,
    /// End when standard input does; say `ready` on standard output
    #[arg(long, hide = true, conflicts_with = "once")]
    beside_sensor: bool,
    /// Say as JSON what was done
    #[arg(long, requires = "once")]
    json: bool,
}

pub(super) fn upload(args: &Args) -> anyhow::Result<()> {
    ensure!(args.directory.is_dir(), "{} is no directory; name that of an archive", args.directory.display());
    let place = Place::open(&args.place)?;
    let sensor = args.sensor.as_deref().map(FileName::sensor_of);
    let mut uploader = Uploader::new(Archive::new(&args.directory), place, sensor, args.release);
    if args.take_over {
        uploader = uploader.taking_over();
    }
    super::runtime()?.block_on(async {
        if args.once {
            let done = once(&mut uploader).await?;
            return report(&done, &uploader, args.json);
        }
        if args.beside_sensor {
            println!("ready");
        }
        go_on(&mut uploader, args).await
    })
}

/// Passes until nothing is left.
async fn once(uploader: &mut Uploader) -> anyhow::Result<Pass> {
    let mut all = Pass::default();
    loop {
        let Pass { files, bytes, merged, released, gone } =
            uploader.pass(Timestamp::now(), &|done, of| progress("file", done, of)).await?;
        all.files += files;
        all.bytes += bytes;
        all.merged += merged;
        all.released += released;
        if gone == 0 {
            return Ok(all);
        }
    }
}

/// Passes until somebody says that it is over.
async fn go_on(uploader: &mut Uploader, args: &Args) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let over = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = parent_ends(), if args.beside_sensor => {}
        }
    };
    let mut over = std::pin::pin!(over);
    let mut trouble = None;
    loop {
        let pass = tokio::select! {
            () = &mut over => break,
            pass = uploader.pass(Timestamp::now(), &|_, _| ()) => pass,
        };
        let pause = match pass {
            Ok(_) => {
                if trouble.take().is_some() {
                    say(&format!("uploading to {} works again", uploader.place()));
                }
                args.every
            }
            Err(error) => {
                let pause = trouble.map_or(args.every, |pause: Duration| (2 * pause).min(LONGEST_PAUSE));
                if trouble.is_none() {
                    let (files, bytes) = uploader.waiting().unwrap_or_default();
                    say(&format!(
                        "{error:#}; {files} files, {}, wait here, none is lost, and it is tried again",
                        ByteSize::b(bytes)
                    ));
                }
                trouble = Some(pause);
                pause
            }
        };
        tokio::select! {
            () = &mut over => break,
            () = time::sleep(pause) => {}
        }
    }
    // What was written since the last pass.
    let last = time::timeout(PATIENCE, once(uploader)).await;
    let (files, bytes) = uploader.waiting()?;
    match last {
        Ok(Ok(_)) if files == 0 => Ok(()),
        Ok(Err(error)) => Err(error.context(left(files, bytes))),
        _ => bail!(left(files, bytes)),
    }
}

fn left(files: u64, bytes: u64) -> String {
    format!("{files} files, {}, are not uploaded yet: the next start does it", ByteSize::b(bytes))
}

/// Standard input is a pipe that nobody writes to: it ends with the sensor, however that ends.
async fn parent_ends() {
    let mut input = tokio::io::stdin();
    while input.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {}
}

fn report(done: &Pass, uploader: &Uploader, json: bool) -> anyhow::Result<()> {
    let Pass { files, bytes, merged, released, .. } = done;
    if json {
        let done = serde_json::json!({ "files": files, "bytes": bytes, "merged": merged, "released": released });
        println!("{done:#}");
        return Ok(());
    }
    println!("{files} files, {}, uploaded to {}", ByteSize::b(*bytes), uploader.place());
    if merged + released > 0 {
        println!("{merged} that were merged are removed there, {released} that are over are removed here");
    }
    Ok(())
}

fn pause(text: &str) -> anyhow::Result<Duration> {
    let pause = Duration::try_from(duration(text)?)?;
    ensure!(pause >= Duration::from_millis(100), "100ms are the least");
    Ok(pause)
}
