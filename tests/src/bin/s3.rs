//! An S3 server for the tests: objects are files in a directory.
//!
//! Usage: `s3 DIRECTORY ADDRESS:PORT ACCESS-KEY SECRET-KEY`. Buckets are directories that are there.

use std::{env, process::ExitCode};

use anyhow::Context as _;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [directory, address, key, secret] = &args[..] else {
        eprintln!("usage: s3 DIRECTORY ADDRESS:PORT ACCESS-KEY SECRET-KEY");
        return ExitCode::from(2);
    };
    match serve(directory, address, key, secret) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("s3: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(directory: &str, address: &str, key: &str, secret: &str) -> anyhow::Result<()> {
    let files = FileSystem::new(directory).map_err(|error| anyhow::anyhow!("cannot use {directory}: {error:?}"))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(key, secret));
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
