//! What can go wrong.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something could not be done with an archive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be read or written as Parquet.
    #[error("{}: {source}", path.display())]
    Parquet {
        /// Which.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// Columns could not be put together.
    #[error("rows do not fit the schema: {0}; please report this")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A file is no file of this archive.
    #[error("{}: {what}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another process holds what is needed.
    #[error("{0}")]
    Busy(String),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }

    pub(crate) fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.to_owned();
        |source| Self::Parquet { path, source }
    }

    pub(crate) fn wrong(path: &Path, what: impl Into<String>) -> Self {
        Self::Wrong { path: path.to_owned(), what: what.into() }
    }
}
