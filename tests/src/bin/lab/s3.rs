//! An S3 server for the tests: objects are files in a directory.
//!
//! Every directory in it is a bucket.

use std::path::PathBuf;

use anyhow::Context as _;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

/// Serves a directory over S3 until it is killed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of the buckets
    directory: PathBuf,
    /// ADDRESS:PORT to listen on
    address: String,
    /// Access key
    key: String,
    /// Secret key
    secret: String,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Args { directory, address, key, secret } = args;
    let files =
        FileSystem::new(directory).map_err(|error| anyhow::anyhow!("cannot use {}: {error:?}", directory.display()))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(key, secret.as_str()));
    let service = service.build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            let service = service.clone();
            tokio::spawn(async move {
                // Whoever hung up knows why.
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}
