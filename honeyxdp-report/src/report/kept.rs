//! What is kept of a day or a month: files that are written once under names of their own, and then a seal that names them.
//!
//! So a report never changes a file that another one reads, and what has no seal is what somebody did not finish.

use std::{
    collections::HashSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use flate2::CrcReader;

/// What nobody used for so long is not in use by a report that goes on.
const UNUSED: Duration = Duration::from_hours(24);
const SEAL: &str = "seal";

/// The files of one day or month.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    directory: PathBuf,
    /// The day or month, and what was asked.
    question: String,
    /// The rows that were asked.
    rows: u64,
}

impl Kept {
    /// Those of a date for what was asked and the rows that were asked.
    pub(super) fn new(directory: &Path, date: &str, asked: u64, rows: u64) -> Self {
        Self { directory: directory.to_owned(), question: format!("{date}-{asked:016x}"), rows }
    }

    fn stem(&self) -> String {
        format!("{}-{:016x}", self.question, self.rows)
    }

    fn seal_path(&self) -> PathBuf {
        self.directory.join(format!("{}.{SEAL}", self.stem()))
    }

    /// New, empty files of these kinds, to be written over.
    pub(super) fn begin(&self, kinds: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
        let maker = getrandom::u64()?;
        let begin = |kind| {
            let path = self.directory.join(format!("{}.{maker:016x}.{kind}.parquet", self.stem()));
            fs::File::create_new(&path).map(|_| path)
        };
        kinds.iter().map(begin).collect::<io::Result<_>>().with_context(|| cannot_write(&self.directory))
    }

    /// The paths of the files, where all of these kinds are there and whole.
    pub(super) fn whole(&self, kinds: &[&str]) -> Option<Vec<PathBuf>> {
        let seal = self.seal_path();
        let text = fs::read_to_string(&seal).ok()?;
        let paths: Vec<PathBuf> = names(&text).map(|name| self.directory.join(name)).collect();
        let is_kind = |(name, kind): (&str, &&str)| {
            name.starts_with(&self.stem()) && name.ends_with(&format!(".{kind}.parquet")) && !name.contains('/')
        };
        if paths.len() != kinds.len() || !names(&text).zip(kinds).all(is_kind) || describe(&paths).ok()? != text {
            return None;
        }
        // A directory that cannot be written can still be read.
        let _ = fs::File::options().append(true).open(&seal).and_then(|seal| seal.set_modified(SystemTime::now()));
        Some(paths)
    }

    /// Seals files: they are whole.
    pub(super) fn seal(&self, paths: &[PathBuf]) -> anyhow::Result<()> {
        let seal = self.seal_path();
        let beside = self.directory.join(format!("{}.{:016x}.{SEAL}", self.stem(), getrandom::u64()?));
        let written =
            describe(paths).and_then(|text| fs::write(&beside, text)).and_then(|()| fs::rename(&beside, &seal));
        written.with_context(|| cannot_write(&self.directory))
    }
}

/// What to do when a directory is not good for roll-ups.
pub(super) fn cannot_write(directory: &Path) -> String {
    format!(
        "cannot write roll-ups to {}: name another directory with --rollups, or leave that out",
        directory.display()
    )
}

/// A line per file: length, checksum, name.
fn describe(paths: &[PathBuf]) -> io::Result<String> {
    let mut text = Vec::new();
    for path in paths {
        let mut file = CrcReader::new(fs::File::open(path)?);
        let length = io::copy(&mut file, &mut io::sink())?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(text, "{length} {:08x} {name}", file.crc().sum())?;
    }
    String::from_utf8(text).map_err(io::Error::other)
}

/// The names in a seal.
fn names(seal: &str) -> impl Iterator<Item = &str> {
    seal.lines().filter_map(|line| line.splitn(3, ' ').nth(2))
}

/// Removes what no report will use any more: files without a seal, and those of rows that are no longer so, when nobody used
/// them for a day. `now` is what is in use.
pub(super) fn tidy(directory: &Path, now: &[Kept]) -> io::Result<()> {
    let stems: HashSet<String> = now.iter().map(Kept::stem).collect();
    let questions: HashSet<&str> = now.iter().map(|kept| kept.question.as_str()).collect();
    let mut files = Vec::new();
    let mut sealed = HashSet::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Another file may lie there that is not ours.
        let Some((question, stem)) = parts(&name) else { continue };
        let is_unused = entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > UNUSED);
        let is_seal = name.len() == stem.len() + 1 + SEAL.len() && name.ends_with(SEAL);
        let is_outdated = questions.contains(question) && !stems.contains(stem);
        if is_seal && !(is_unused && is_outdated) {
            sealed.extend(names(&fs::read_to_string(entry.path())?).map(str::to_owned));
        } else if is_unused {
            files.push(name);
        }
    }
    for name in files.iter().filter(|name| !sealed.contains(*name)) {
        match fs::remove_file(directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Date and what was asked, and these with the rows, where a name begins with them.
fn parts(name: &str) -> Option<(&str, &str)> {
    let (stem, _) = name.split_once('.')?;
    let (question, rows) = stem.rsplit_once('-')?;
    let (date, asked) = question.rsplit_once('-')?;
    let is_key = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_date = matches!(date.len(), 7 | 10) && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    (is_date && is_key(asked) && is_key(rows)).then_some((question, stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 2] = ["ports", "sources"];

    fn make(kept: &Kept) -> Vec<PathBuf> {
        let paths = kept.begin(&KINDS).unwrap();
        paths.iter().for_each(|path| fs::write(path, kept.stem()).unwrap());
        kept.seal(&paths).unwrap();
        paths
    }

    fn age(directory: &Path) {
        for file in fs::read_dir(directory).unwrap() {
            let file = fs::File::options().append(true).open(file.unwrap().path()).unwrap();
            file.set_modified(SystemTime::now() - 2 * UNUSED).unwrap();
        }
    }

    #[test]
    fn only_what_is_whole_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::new(directory.path(), "2019-07-01", 1, 2);
        assert_eq!(kept.whole(&KINDS), None);
        let first = make(&kept);
        assert_eq!(kept.whole(&KINDS).as_ref(), Some(&first));
        assert_eq!(kept.whole(&["ports"]), None);
        assert_eq!(kept.whole(&["sources", "ports"]), None);
        // Another report makes them as well: nothing of the first one's is touched.
        let second = make(&kept);
        assert_eq!(kept.whole(&KINDS).as_ref(), Some(&second));
        assert!(first.iter().all(|path| path.exists() && !second.contains(path)));

        let mut bytes = fs::read(&second[0]).unwrap();
        bytes[3] ^= 1;
        fs::write(&second[0], bytes).unwrap();
        assert_eq!(kept.whole(&KINDS), None, "one bit");
        fs::write(&second[0], "").unwrap();
        assert_eq!(kept.whole(&KINDS), None);
        fs::write(kept.seal_path(), "1 0 ../../etc/passwd\n\n0 0 x").unwrap();
        assert_eq!(kept.whole(&KINDS), None);
    }

    #[test]
    fn only_what_nobody_can_use_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let (old, new) = (Kept::new(path, "2019-07-01", 1, 2), Kept::new(path, "2019-07-01", 1, 3));
        let (asked_else, month) = (Kept::new(path, "2019-07-01", 9, 2), Kept::new(path, "2019-07", 1, 2));
        for kept in [&old, &new, &asked_else, &month] {
            make(kept);
        }
        let orphans = old.begin(&KINDS).unwrap();
        fs::write(&orphans[0], "half").unwrap();
        fs::write(path.join("2019-07-01.sources.parquet"), "somebody's").unwrap();
        tidy(path, std::slice::from_ref(&new)).unwrap();
        assert!(old.whole(&KINDS).is_some() && orphans[0].exists(), "somebody may still use them");
        age(path);
        tidy(path, std::slice::from_ref(&new)).unwrap();
        assert!([&new, &asked_else, &month].iter().all(|kept| kept.whole(&KINDS).is_some()));
        assert!(old.whole(&KINDS).is_none() && !orphans[0].exists());
        assert_eq!(fs::read_dir(path).unwrap().count(), 3 * 3 + 1, "and what is not ours");
    }
}
