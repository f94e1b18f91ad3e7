//! Where an archive is: a directory, or a prefix of a bucket.

use std::{fmt, path::Path as FilePath, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig,
    aws::{AmazonS3Builder, Checksum},
    azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder,
    local::LocalFileSystem,
    path::Path,
};
use url::Url;

/// How long one request is tried again. Who uploads tries again after that; who reads says that it failed.
const PATIENCE: Duration = Duration::from_secs(15);
/// A server that does not even answer is not there.
const CONNECT: Duration = Duration::from_secs(5);

/// Where an archive is.
#[derive(Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    /// Without a path.
    base: Url,
    prefix: Path,
    scheme: ObjectStoreScheme,
}

impl Place {
    /// The place that a text names: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, `file:///directory`, or
    /// the path of a directory, which is made if it is not there.
    ///
    /// Who may do what there, and at which server, the environment says, by the variables that the clouds' own tools have:
    /// `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `AWS_REGION` and so on, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`
    /// and so on. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// When the text names no place, or the environment contradicts itself.
    pub fn open(text: &str) -> anyhow::Result<Self> {
        let url = url_of(text)?;
        let wrong = || {
            format!(
                "{text} names no place of an archive: write it as s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, or as a directory"
            )
        };
        let (scheme, prefix) = ObjectStoreScheme::parse(&url).with_context(wrong)?;
        let retry =
            RetryConfig { retry_timeout: PATIENCE, backoff: BackoffConfig::default(), ..RetryConfig::default() };
        let client = ClientOptions::new().with_connect_timeout(CONNECT);
        let cannot = || format!("cannot use {text}");
        let store: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::AmazonS3 => {
                let builder = AmazonS3Builder::from_env().with_url(url.as_str()).with_retry(retry);
                // A server of one's own is mostly without a certificate, and then its URL says so.
                let plain = ["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]
                    .iter()
                    .any(|name| std::env::var(name).is_ok_and(|endpoint| endpoint.starts_with("http://")));
                // The server compares it with what came, and refuses what was changed on the way.
                let builder = builder.with_checksum_algorithm(Checksum::SHA256);
                Arc::new(builder.with_client_options(client.with_allow_http(plain)).build().with_context(cannot)?)
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(url.as_str()).with_retry(retry);
                Arc::new(builder.with_client_options(client).build().with_context(cannot)?)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(url.as_str()).with_retry(retry);
                Arc::new(builder.with_client_options(client).build().with_context(cannot)?)
            }
            ObjectStoreScheme::Local => Arc::new(LocalFileSystem::new()),
            _ => bail!(wrong()),
        };
        let mut base = url;
        base.set_path("");
        base.set_query(None);
        Ok(Self { store, base, prefix, scheme })
    }

    /// Whether a text names a place that is no directory.
    pub fn is_remote(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| scheme != "file")
    }

    /// What holds the objects. Their paths begin with [`Place::prefix`].
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Where the store is: scheme and bucket.
    pub const fn base(&self) -> &Url {
        &self.base
    }

    /// Path of the archive in the store.
    pub const fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The whole name of an object.
    pub fn url_of(&self, location: &Path) -> Url {
        let mut url = self.base.clone();
        url.set_path(location.as_ref());
        url
    }

    /// Whether the server itself compares a checksum with what it got.
    pub const fn verifies(&self) -> bool {
        matches!(self.scheme, ObjectStoreScheme::AmazonS3)
    }

    /// Whether objects are listed in the order of their names.
    pub(crate) const fn is_sorted(&self) -> bool {
        !matches!(self.scheme, ObjectStoreScheme::Local)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url_of(&self.prefix))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The store knows secrets.
        f.debug_tuple("Place").field(&self.to_string()).finish()
    }
}

fn url_of(text: &str) -> anyhow::Result<Url> {
    if text.contains("://") {
        return Url::parse(text).with_context(|| format!("{text} is no URL"));
    }
    let directory = std::path::absolute(FilePath::new(text)).with_context(|| format!("{text:?} is no path"))?;
    Url::from_file_path(&directory).ok().with_context(|| format!("{} is no path of a directory", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_url_or_a_directory() {
        let place = Place::open("/srv/a b/archive").unwrap();
        assert_eq!(
            (place.to_string().as_str(), place.prefix().as_ref()),
            ("file:///srv/a%20b/archive", "srv/a b/archive")
        );
        let place = Place::open("s3://bucket/some/prefix/").unwrap();
        assert_eq!((place.to_string().as_str(), place.prefix().as_ref()), ("s3://bucket/some/prefix", "some/prefix"));
        assert_eq!(place.url_of(&place.prefix().clone().join("x")).as_str(), "s3://bucket/some/prefix/x");
        assert!(Place::is_remote("gs://a") && !Place::is_remote("file:///a") && !Place::is_remote("/a"));
        for wrong in ["ftp://a/b", "s3:///prefix", "https://example.com/archive", "memory:///"] {
            let error = Place::open(wrong).unwrap_err().to_string();
            assert!(error.contains("s3://bucket/prefix") || error.contains("cannot use"), "{wrong}: {error}");
        }
    }
}
