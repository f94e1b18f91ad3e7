//! The files of a report.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{figure::Figure, png::Painter, svg, table::Table};

/// The folder of a report, and the names of the files that were put there.
pub(super) struct Folder {
    path: PathBuf,
    /// In the order of writing.
    pub(super) names: Vec<String>,
}

impl Folder {
    /// Makes it, where it is not there.
    pub(super) fn make(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path: path.to_owned(), names: Vec::new() })
    }

    /// Writes a file beside its place, and then puts it there: a reader never sees a half one.
    pub(super) fn put(&mut self, name: String, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path.join(&name);
        let beside = self.path.join(format!(".{name}.tmp"));
        let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, &path));
        if let Err(error) = written {
            // It may be the disk that is full.
            let _ = fs::remove_file(&beside);
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
        self.names.push(name);
        Ok(path)
    }

    /// Tables as CSV and JSON.
    pub(super) fn put_tables(&mut self, tables: &[Table]) -> anyhow::Result<()> {
        for table in tables {
            self.put(format!("{}.csv", table.name), table.csv().as_bytes())?;
            self.put(format!("{}.json", table.name), table.json()?.as_bytes())?;
        }
        Ok(())
    }

    /// Removes those of these tables that this report does not have: they are of one that was here before.
    pub(super) fn remove_tables(&self, names: impl Iterator<Item = &'static str>) -> anyhow::Result<()> {
        let files = names.flat_map(|name| [format!("{name}.csv"), format!("{name}.json")]);
        for file in files.filter(|file| !self.names.contains(file)) {
            let path = self.path.join(file);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Figures as SVG, and as PNG where there is a painter.
    pub(super) fn put_figures<'a>(
        &mut self,
        figures: impl IntoIterator<Item = &'a Figure>,
        painter: Option<&Painter>,
    ) -> anyhow::Result<()> {
        for figure in figures {
            let svg = svg::draw(figure);
            self.put(format!("{}.svg", figure.id), svg.as_bytes())?;
            if let Some(painter) = painter {
                self.put(format!("{}.png", figure.id), &painter.paint(&svg)?)?;
            }
        }
        Ok(())
    }
}
