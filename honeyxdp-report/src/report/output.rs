//! The files of a report.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::Context as _;

use super::{figure::Figure, png::Painter, svg, table::Table, text::Texts};

/// The directory of a report, and the names of the files that were put there.
pub(super) struct Directory {
    path: PathBuf,
    /// In the order of writing.
    pub(super) names: Vec<String>,
}

impl Directory {
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

    /// Figures as SVG, and as PNG where there is a painter. Tells which letters no font has.
    pub(super) fn put_figures(
        &mut self,
        figures: &[&Figure],
        painter: Option<&Painter>,
        threads: usize,
        texts: &Texts,
    ) -> anyhow::Result<BTreeSet<char>> {
        let next = AtomicUsize::new(0);
        let draw = || {
            let mut drawn = Vec::new();
            while let Some((at, figure)) = next_of(figures, &next) {
                let svg = svg::draw(figure, texts);
                let painting = painter.map(|painter| painter.paint(&svg));
                drawn.push((at, svg, painting));
            }
            drawn
        };
        let mut drawn = thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(figures.len())).map(|_| scope.spawn(draw)).collect();
            let mut drawn = draw();
            for other in others {
                drawn.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            drawn
        });
        drawn.sort_by_key(|(at, ..)| *at);
        let mut missing = BTreeSet::new();
        for (at, svg, painting) in drawn {
            let id = &figures[at].id;
            self.put(format!("{id}.svg"), svg.as_bytes())?;
            if let Some(painting) = painting.transpose()? {
                self.put(format!("{id}.png"), &painting.png)?;
                missing.extend(painting.missing);
            }
        }
        Ok(missing)
    }
}

/// What no other thread has taken.
fn next_of<'a>(figures: &[&'a Figure], next: &AtomicUsize) -> Option<(usize, &'a Figure)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    figures.get(at).map(|figure| (at, *figure))
}
