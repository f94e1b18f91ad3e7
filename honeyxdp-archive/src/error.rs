//! Errors.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Result of an operation on an archive.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation on an archive failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file could not be read or written as Parquet.
    #[error("{}: {source}", path.display())]
    Parquet {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: parquet::errors::ParquetError,
    },
    /// Columns do not fit the schema.
    #[error("rows do not fit the schema: {0}; please report this")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A file does not belong to the archive, or is damaged.
    #[error("{}: {what}", path.display())]
    Wrong {
        /// The file or directory.
        path: PathBuf,
        /// The fault.
        what: String,
    },
    /// The archive was written by honeyxdp 0.1.0.
    #[error("{}: it was written by honeyxdp 0.1.0; run `honeyxdp archive convert {}`", path.display(), root.display())]
    Outdated {
        /// The file or directory.
        path: PathBuf,
        /// The archive.
        root: PathBuf,
    },
    /// Another process holds a lock.
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

    pub(crate) fn outdated(path: &Path, root: &Path) -> Self {
        Self::Outdated { path: path.to_owned(), root: root.to_owned() }
    }

    pub(crate) fn wrong(path: &Path, what: impl Into<String>) -> Self {
        Self::Wrong { path: path.to_owned(), what: what.into() }
    }
}
