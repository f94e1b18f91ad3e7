//! One sensor, one machine: whoever uploads as a sensor first says so beside the archive, and others are refused.

use std::{fs, io, path::Path as FilePath};

use anyhow::{Context as _, bail};
use object_store::{Error, ObjectStoreExt as _, PutMode, PutPayload, path::Path};
use serde_json::json;

use crate::Place;

/// Directory of the claims in an archive.
const DIRECTORY: &str = "sensors";

/// Makes sure that nobody else uploads as this sensor, which has its name as files have it. `directory` is the local archive, which
/// remembers what was claimed. With `take_over` the claim of another machine is replaced.
///
/// # Errors
/// When another machine has the name, or the place cannot be asked.
pub(super) async fn claim(directory: &FilePath, place: &Place, sensor: &str, take_over: bool) -> anyhow::Result<()> {
    let mine = own(directory, sensor)?;
    let location = place.prefix().clone().join(DIRECTORY).join(format!("{sensor}.json"));
    let cannot = || format!("cannot claim {}", place.url_of(&location));
    let claim = json!({ "sensor": sensor, "claim": mine, "since": jiff::Timestamp::now() });
    if !take_over && holder(place, &location).await.with_context(cannot)?.is_some_and(|holder| holder == mine) {
        return Ok(());
    }
    let mode = if take_over { PutMode::Overwrite } else { PutMode::Create };
    let put = |mode: PutMode| place.store().put_opts(&location, PutPayload::from(claim.to_string()), mode.into());
    match put(mode).await {
        Ok(_) => Ok(()),
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
            if holder(place, &location).await.with_context(cannot)?.is_some_and(|holder| holder == mine) {
                return Ok(());
            }
            bail!(
                "another machine uploads to {place} as sensor {sensor}: give this one another --sensor-id; if it is the same \
                 sensor on a new disk, say so once by `honeyxdp fleet upload ... --take-over`"
            );
        }
        Err(error) => Err(error).with_context(cannot),
    }
}

/// Who holds a claim, if somebody does.
async fn holder(place: &Place, location: &Path) -> anyhow::Result<Option<String>> {
    let found = match place.store().get(location).await {
        Err(Error::NotFound { .. }) => return Ok(None),
        found => found?.bytes().await?,
    };
    // What is no claim is nobody's, and not ours.
    let claim: serde_json::Value = serde_json::from_slice(&found).unwrap_or_default();
    Ok(Some(claim["claim"].as_str().unwrap_or_default().to_owned()))
}

/// What this machine claims with: made once, and kept with the files.
fn own(directory: &FilePath, sensor: &str) -> anyhow::Result<String> {
    let file = directory.join(format!(".{sensor}.claim"));
    let cannot = || format!("cannot write {}", file.display());
    match fs::read_to_string(&file) {
        Ok(claim) if !claim.is_empty() => return Ok(claim),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(cannot),
        _ => {}
    }
    let claim = format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?);
    let beside = directory.join(format!(".{sensor}.claim.tmp"));
    // On the disk before it is told to anybody: a claim that is forgotten shuts its own sensor out.
    let written = fs::write(&beside, &claim)
        .and_then(|()| fs::File::open(&beside)?.sync_all())
        .and_then(|()| fs::rename(&beside, &file))
        .and_then(|()| fs::File::open(directory)?.sync_all());
    written.with_context(cannot)?;
    Ok(claim)
}
