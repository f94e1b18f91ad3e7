//! A connection in memory.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The server's end of a connection: reads what a client has written, keeps what is written to it.
#[derive(Clone, Debug)]
pub struct Wire(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    unread: Vec<u8>,
    written: Vec<u8>,
    /// The client writes no more.
    is_over: bool,
    reader: Option<Waker>,
}

impl Wire {
    /// A client has written this, and may write more.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(State { unread: bytes.to_vec(), written: Vec::new(), is_over: false, reader: None })))
    }

    /// The client writes no more.
    pub fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// What was written to the client.
    pub fn written(&self) -> Vec<u8> {
        self.state().written.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.unread.is_empty() && !state.is_over {
            state.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let length = state.unread.len().min(buffer.remaining());
        buffer.put_slice(&state.unread[..length]);
        state.unread.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.state().written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
